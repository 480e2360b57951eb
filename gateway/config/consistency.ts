/** What settings ask of each other. */
import type { Config, Role } from './settings.ts'

/** Inputs of tens of KiB at hundreds a second fill less within the ten seconds that state only refers to them. */
const MIN_KAFKA_WORK_BYTES = 1 << 30

/** Each in a sentence with what would help; none: the settings go together. */
export function inconsistencies(config: Config): readonly string[] {
  return [...roleProblems(config), ...kafkaProblems(config), ...partnerProblems(config)]
}

function roleProblems(config: Config): string[] {
  const has = (role: Role): boolean => config.roles.includes(role)
  const problems: string[] = []
  if (config.log === 'embedded' && !has('tasks')) {
    problems.push(
      `roles are ${config.roles.join(',')}, without tasks; the embedded log's folder belongs to one process, so that nobody else could decide: add tasks, or use log: kafka`,
    )
  }
  if (config['read_model.kind'] === 'sqlite' && has('gateway') !== has('read-model')) {
    problems.push(
      has('gateway')
        ? 'roles have gateway without read-model; a gateway answers queries from the read model, which on SQLite is a file of the same process: add read-model, or use read_model.kind: postgres'
        : 'roles have read-model without gateway; on SQLite it is a file of this process, which nobody would ask: add gateway, or use read_model.kind: postgres',
    )
  }
  return problems
}

function kafkaProblems(config: Config): string[] {
  const problems: string[] = []
  if (config.log === 'kafka' && config['kafka.brokers'] === null) {
    problems.push('log is kafka, but kafka.brokers is not set; expected addresses such as broker-1:9092,broker-2:9092')
  }
  const size = config['retention.work.size']
  if (config.log === 'kafka' && size !== null && size < MIN_KAFKA_WORK_BYTES) {
    problems.push(
      `retention.work.size is ${size} bytes; expected at least 1GiB with log: kafka, where it bounds each partition, what nobody has read yet and what state refers to included`,
    )
  }
  const mechanism = config['kafka.sasl.mechanism']
  for (const name of ['kafka.sasl.username', 'kafka.sasl.password'] as const) {
    if (mechanism !== null && config[name] === null)
      problems.push(`kafka.sasl.mechanism is ${mechanism}, but ${name} is not set`)
    if (mechanism === null && config[name] !== null) problems.push(`${name} is set, but kafka.sasl.mechanism is not`)
  }
  const copies = config['kafka.replication']
  const insync = config['kafka.min_insync_replicas']
  if (copies !== null && insync !== null && insync > copies) {
    problems.push(`kafka.min_insync_replicas is ${insync}, more than the ${copies} copies of kafka.replication`)
  }
  return problems
}

function partnerProblems(config: Config): string[] {
  const problems: string[] = []
  const s3 = config['blobs.kind'] === 's3'
  for (const name of ['blobs.endpoint', 'blobs.bucket', 'blobs.access_key', 'blobs.secret_key'] as const) {
    if (s3 && config[name] === null) problems.push(`blobs.kind is s3, but ${name} is not set`)
    if (!s3 && config[name] !== null) problems.push(`${name} is set, but blobs.kind is folder; expected s3`)
  }
  const postgres = config['read_model.kind'] === 'postgres'
  if (postgres && config['read_model.url'] === null) {
    problems.push('read_model.kind is postgres, but read_model.url is not set; expected postgres://host/database')
  }
  if (!postgres && config['read_model.url'] !== null) {
    problems.push('read_model.url is set, but read_model.kind is sqlite; expected postgres')
  }
  if (config.log === 'embedded' && config['schema_registry.url'] !== null) {
    problems.push(
      'schema_registry.url is set, but log is embedded; expected log: kafka, whose records others may write',
    )
  }
  for (const part of ['kafka', 'schema_registry'] as const) {
    if ((config[`${part}.tls.cert`] === null) !== (config[`${part}.tls.key`] === null)) {
      problems.push(`of ${part}.tls.cert and ${part}.tls.key only one is set; expected both or none`)
    }
  }
  if ((config['secrets.store'] === null) !== (config['secrets.key'] === null)) {
    problems.push('of secrets.store and secrets.key only one is set; expected both or none')
  }
  const password = config['schema_registry.password'] !== null
  if (password !== (config['schema_registry.username'] !== null)) {
    problems.push('of schema_registry.username and schema_registry.password only one is set; expected both or none')
  }
  return problems
}
