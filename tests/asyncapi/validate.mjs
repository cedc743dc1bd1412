// Reads an AsyncAPI document as its tools do, Avro payloads included, and prints what they find wrong; exit code 1 then.
import { readFile } from 'node:fs/promises';
import { Parser } from '@asyncapi/parser';
import { AvroSchemaParser } from '@asyncapi/avro-schema-parser';

const file = process.argv[2];
const parser = new Parser();
parser.registerSchemaParser(AvroSchemaParser());
const { document, diagnostics } = await parser.parse(await readFile(file, 'utf8'), { source: file });

// 0 is an error, 1 a warning; below are hints of style, such as "there is a newer minor version".
const grave = diagnostics.filter(({ severity }) => severity <= 1);
for (const { path, message } of grave) {
  console.error(`${file}: ${path.join('.') || 'the document'}: ${message}`);
}
if (grave.length > 0 || !document) {
  console.error(`asyncapi: ${file} is not a valid document: mend what \`counterflow catalogue write\` makes of it`);
  process.exit(1);
}
const count = (list) => list.all().length;
console.log(`asyncapi: ${file} is valid AsyncAPI ${document.version()}: ${count(document.channels())} channels, ` +
  `${count(document.operations())} operations, ${count(document.messages())} messages`);
