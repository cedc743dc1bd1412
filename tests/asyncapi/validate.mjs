// Reads an AsyncAPI document with the parser of the AsyncAPI project, and its payloads as Avro.
//
//   node validate.mjs FILE     exits with 1 when anything in it is wrong
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';

// Of the parser's findings: 0 is an error, 1 a warning; what is less is advice about taste.
const WARNING = 1;
// One mistake is told many times over, once for each form it could have had.
const TOLD_MAX = 20;

const file = process.argv[2];
const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document, diagnostics } = await parser.parse(await readFile(file, 'utf8'), { source: file });

const wrong = diagnostics.filter((one) => one.severity <= WARNING);
for (const { code, path, message, range } of wrong.slice(0, TOLD_MAX)) {
  console.error(`${file}:${range.start.line + 1}: ${path.join('/')}: ${message} (${code})`);
}
if (wrong.length > 0 || document === undefined) {
  console.error(`asyncapi: ${wrong.length} findings`);
  process.exit(1);
}

const count = (all) => all.all().length;
const found = [count(document.channels()), count(document.operations()), count(document.components().messages())];
if (found.includes(0)) {
  console.error('asyncapi: a document without channels, operations or messages says nothing');
  process.exit(1);
}
console.log(`asyncapi: ${file} is valid: ${found[0]} channels, ${found[1]} operations, ${found[2]} messages`);
