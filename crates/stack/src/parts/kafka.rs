//! One broker that is its own controller.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Site, blocking, plain};
use crate::children::Launch;
use crate::error::{Doing as _, StackError};
use crate::host;
use crate::network::free_port;
use crate::options::Part;

/// "counterflow-demo" as Kafka spells a UUID.
const CLUSTER_ID: &str = "Y291bnRlcmZsb3ctZGVtbw";
const HEAP_MB: u32 = 512;

/// Log to standard output, which is the part's log file.
const LOGGING: &str = "\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %-5p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server
logger.server.level = info
logger.config.name = kafka.server.KafkaConfig
logger.config.level = warn
";

/// Writes the settings, formats the log folder once, and says how to start the broker.
pub(super) async fn launch(site: &Site, port: u16) -> Result<Launch, StackError> {
    let folder = site.folder("kafka")?;
    let data = folder.join("data");
    let settings = folder.join("server.properties");
    let logging = folder.join("log4j2.properties");
    fs::write(&settings, properties(port, free_port()?, &data)).doing("write", &settings)?;
    fs::write(&logging, LOGGING).doing("write", &logging)?;
    let mut args = site.jvm(HEAP_MB);
    args.push(format!("-Dlog4j2.configurationFile={}", logging.display()));
    args.extend(["-cp".into(), site.artefacts.kafka_classpath()]);
    if !data.join("meta.properties").exists() {
        let mut format = Command::new(&site.java.path);
        format.args(&args).args([
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "-t",
            CLUSTER_ID,
            "-c",
        ]);
        format.arg(&settings);
        blocking(move || host::run(&mut format, "Kafka's format tool")).await?;
    }
    args.extend(["kafka.Kafka".into(), settings.display().to_string()]);
    Ok(Launch { args, ..plain(Part::Kafka, site.java.path.clone(), folder, site.log(Part::Kafka)?) })
}

/// Small, on loopback, nothing made by accident, nothing deleted by age: the log is the truth.
fn properties(port: u16, controller: u16, data: &Path) -> String {
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
log.retention.ms=-1
log.retention.bytes=-1
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.backoff.ms=5000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A broker that was killed is let in again as soon as its old session is over.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
",
        data = data.display()
    )
}
