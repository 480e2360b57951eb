/** From settings to what a process is started with: secrets are looked up and files read here, once. */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { BlobChoice } from '../connectors/blobs/open-blobs.ts'
import { realEnvironment } from '../connectors/environment.ts'
import type { LogChoice, RegistryChoice } from '../connectors/open-log.ts'
import type { ReadModelChoice } from '../connectors/read-model/open-read-model.ts'
import { createStepKafka, type StepKafka } from '../connectors/step-kafka/step-kafka.ts'
import {
  attributesOfVariables,
  shareOfVariables,
  type TracingOptions,
  variablesAskForTraces,
  variablesForbidTraces,
} from '../connectors/tracing/options.ts'
import { readConnections } from '../gateway/config/connections.ts'
import { resolveSecret, type Secret, type SecretSources } from '../gateway/config/secret.ts'
import type { Config } from '../gateway/config/settings.ts'
import type { OlderOptions } from '../gateway/older/options.ts'
import { secretsOfEnvironment } from '../processors/execute/blocks/secrets/source.ts'
import type { BlockSettings } from '../processors/execute/blocks/settings.ts'
import type { Json } from '../schemas/json.ts'
import type { TopologyOptions } from '../topology/topology.ts'
import type { BeamlineConfig, BlobConfig } from './config.ts'

type Variables = SecretSources['variables']

/** @throws {Error} for a secret or file that cannot be read; the message names the setting, not the secret */
export function configure(config: Config, variables: Variables): BeamlineConfig {
  const snapshots = config['kafka.snapshots'] ?? join(config.data, 'snapshots')
  return {
    dataFolder: config.data,
    log: logOf(config, variables),
    partitions: config.partitions,
    roles: config.roles,
    host: config.host,
    port: config.port,
    healthPort: config.health_port,
    readModel: readModelOf(config, variables),
    snapshotFolder: snapshots,
    concurrency: defined({
      io: config['concurrency.io'],
      cpu: config['concurrency.cpu'],
      gpu: config['concurrency.gpu'],
    }),
    blocks: blocksOf(config, variables),
    topology: topologyOf(config),
    blobs: blobsOf(config, variables),
    admission: {
      maxUndecided: config['limits.undecided'],
      maxUnfinishedRuns: config['limits.unfinished_runs'],
    },
    gateway: { maxWaiting: config['limits.waiting_requests'], older: olderOf(config) },
    tracing: tracingOf(config, variables),
    graceMs: config.grace,
    examples: config.examples ?? config.log === 'embedded',
  }
}

function olderOf(config: Config): OlderOptions {
  return {
    limits: {
      decide: config['older.decisions'],
      messages: config['older.messages'],
      registry: config['older.registrations'],
      all: config['older.requests'],
    },
    abusePerWindow: config['older.abuse'],
    requireAuthorization: config['older.require_authorization'],
    decisionTimeoutMs: config['older.decision_timeout'],
  }
}

function tracingOf(config: Config, variables: Variables): TracingOptions | null {
  const endpoint = config['tracing.endpoint']
  if (variablesForbidTraces(variables) || (endpoint === null && !variablesAskForTraces(variables))) return null
  const authorization = config['tracing.authorization']
  const percent = config['tracing.percent']
  return {
    endpoint,
    headers: defined({
      authorization: authorization === null ? null : secretOf('tracing.authorization', authorization, variables),
    }),
    share: percent === null ? (shareOfVariables(variables) ?? 1) : percent / 100,
    service: config['tracing.service'] ?? variables.OTEL_SERVICE_NAME ?? 'beamline',
    attributes: attributesOfVariables(variables),
  }
}

function logOf(config: Config, variables: Variables): LogChoice {
  if (config.log === 'embedded') return { kind: 'embedded', options: embeddedRetention(config) }
  const registry = registryOf(config, variables)
  return { kind: 'kafka', options: kafkaOptions(config, variables), ...(registry === null ? {} : { registry }) }
}

type KafkaOptions = Extract<LogChoice, { readonly kind: 'kafka' }>['options']

/** What the log on Kafka is opened with, also to plan and create its topics. */
export function kafkaOptions(config: Config, variables: Variables): KafkaOptions {
  const sasl = saslOf(config, variables)
  const tls = tlsOf(config, variables)
  return {
    kafka: {
      brokers: config['kafka.brokers'] ?? [],
      clientId: config['kafka.client_id'] ?? `beamline-${hostname()}-${process.pid}`,
      ...(tls === false ? {} : { tls }),
      ...(sasl === null ? {} : { sasl }),
    },
    prefix: config['kafka.prefix'],
    createTopics: config['kafka.create_topics'],
    sessionTimeoutMs: config['kafka.session_timeout'],
    topics: {
      ...defined({
        replicationFactor: config['kafka.replication'],
        minInsyncReplicas: config['kafka.min_insync_replicas'],
      }),
      work: retentionOf(config['retention.work.age'], config['retention.work.size']),
      events: retentionOf(config['retention.events.age'], config['retention.events.size']),
    },
    ...defined({ deployment: config['kafka.deployment'] }),
  }
}

function tlsOf(config: Config, variables: Variables): NonNullable<KafkaOptions['kafka']['tls']> {
  const ca = config['kafka.tls.ca']
  const cert = config['kafka.tls.cert']
  const key = config['kafka.tls.key']
  const strict = config['kafka.tls.reject_unauthorized']
  const asked = ca !== null || cert !== null || key !== null || !strict
  if (!(config['kafka.tls.enabled'] ?? asked)) return false
  if (!asked) return true
  return {
    rejectUnauthorized: strict,
    ...defined({
      ca: ca === null ? null : fileOf('kafka.tls.ca', ca),
      cert: cert === null ? null : fileOf('kafka.tls.cert', cert),
      key: key === null ? null : secretOf('kafka.tls.key', key, variables),
    }),
  }
}

function saslOf(config: Config, variables: Variables): NonNullable<KafkaOptions['kafka']['sasl']> | null {
  const mechanism = config['kafka.sasl.mechanism']
  const username = config['kafka.sasl.username']
  const password = config['kafka.sasl.password']
  if (mechanism === null || username === null || password === null) return null
  return { mechanism, username, password: secretOf('kafka.sasl.password', password, variables) }
}

function registryOf(config: Config, variables: Variables): RegistryChoice | null {
  const url = config['schema_registry.url']
  if (url === null) return null
  const ca = config['schema_registry.tls.ca']
  const cert = config['schema_registry.tls.cert']
  const key = config['schema_registry.tls.key']
  const password = config['schema_registry.password']
  return {
    url,
    ...defined({
      username: config['schema_registry.username'],
      password: password === null ? null : secretOf('schema_registry.password', password, variables),
    }),
    tls: {
      rejectUnauthorized: config['schema_registry.tls.reject_unauthorized'],
      ...defined({
        ca: ca === null ? null : fileOf('schema_registry.tls.ca', ca),
        cert: cert === null ? null : fileOf('schema_registry.tls.cert', cert),
        key: key === null ? null : secretOf('schema_registry.tls.key', key, variables),
      }),
    },
  }
}

function embeddedRetention(config: Config): NonNullable<Extract<LogChoice, { readonly kind: 'embedded' }>['options']> {
  return {
    consumed: retentionOf(config['retention.work.age'], config['retention.work.size']),
    events: retentionOf(config['retention.events.age'], config['retention.events.size']),
  }
}

function retentionOf(maxAgeMs: number | null, maxBytes: number | null): { maxAgeMs?: number; maxBytes?: number } {
  return defined({ maxAgeMs, maxBytes })
}

function readModelOf(config: Config, variables: Variables): ReadModelChoice {
  const url = config['read_model.url']
  const nice = config['read_model.nice']
  if (config['read_model.kind'] === 'sqlite' || url === null) return { kind: 'sqlite', nice }
  return {
    kind: 'postgres',
    nice,
    url: secretOf('read_model.url', url, variables),
    schema: config['read_model.schema'],
  }
}

function blocksOf(config: Config, variables: Variables): BlockSettings {
  const file = config['secrets.store']
  const key = config['secrets.key']
  return {
    files: { folder: config.files ?? join(config.data, 'files') },
    connections: connectionsOf(config),
    egress: {
      allow: config['egress.allow'] ?? [],
      deny: config['egress.deny'] ?? [],
      only: config['egress.only'],
    },
    http: { proxy: config.proxy },
    customFolder: config['blocks.folder'],
    ...defined({ cpuThreads: config['blocks.threads'] }),
    gpu: { backend: config['gpu.backend'], vulkanDriver: config['gpu.driver'] },
    kafka: stepKafkaOf(config, variables),
    scripts: {
      memoryMb: Math.ceil(config['scripts.memory'] / 2 ** 20),
      maxMs: config['scripts.timeout'],
      trusted: config['scripts.trusted'],
    },
    secrets: {
      folder: config['secrets.folder'],
      values: secretsOfEnvironment(variables),
      store: file === null || key === null ? null : { file, key: secretOf('secrets.key', key, variables) },
    },
  }
}

function connectionsOf({ connections: setting }: Config): NonNullable<BlockSettings['connections']> {
  if (setting === null) return {}
  const read =
    setting.kind === 'here'
      ? { value: setting.connections }
      : readConnections(jsonOf(fileOf('connections', setting.path)), true)
  if ('value' in read) return read.value as unknown as NonNullable<BlockSettings['connections']>
  throw new Error(`connections: expected in the file ${read.expected}`)
}

/** `null` for what is no JSON. */
function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function blobsOf(config: Config, variables: Variables): BlobConfig {
  return {
    place: blobPlaceOf(config, variables),
    inlineBytes: config['blobs.inline'],
    payloadBytes: config['blobs.payload'],
    maxBytes: config['blobs.max_size'],
    keepMs: config['blobs.keep'],
  }
}

function blobPlaceOf(config: Config, variables: Variables): BlobChoice {
  const { 'blobs.endpoint': endpoint, 'blobs.bucket': bucket } = config
  const { 'blobs.access_key': accessKey, 'blobs.secret_key': secretKey } = config
  if (
    config['blobs.kind'] === 'folder' ||
    endpoint === null ||
    bucket === null ||
    accessKey === null ||
    secretKey === null
  ) {
    return { kind: 'folder', folder: config['blobs.folder'] ?? join(config.data, 'blobs') }
  }
  const options = {
    endpoint,
    bucket,
    accessKey,
    secretKey: secretOf('blobs.secret_key', secretKey, variables),
    region: config['blobs.region'],
    prefix: config['blobs.prefix'] ?? '',
    pathStyle: config['blobs.path_style'],
    spoolFolder: join(config.data, 'blob-spool', String(process.pid)),
  }
  return { kind: 's3', options }
}

/** Steps write to the cluster that the settings name, whether the log is on it or not. */
function stepKafkaOf(config: Config, variables: Variables): StepKafka | null {
  if (config['kafka.brokers'] === null) return null
  const { kafka, prefix = '' } = kafkaOptions(config, variables)
  return createStepKafka({
    kafka: { ...kafka, clientId: `${kafka.clientId}-steps` },
    environment: realEnvironment,
    reservedPrefix: prefix,
  })
}

function topologyOf(config: Config): TopologyOptions {
  return {
    maxRunsPerTask: config['limits.runs_per_task'],
    route: {
      window: config['limits.assigned_per_task'],
      graceMs: config['limits.worker_silence'],
      longestMs: config['limits.attempt_age'],
      maxStickyKeys: config['limits.sticky_keys_per_task'],
    },
    dlq: {
      retentionMs: config['dead_letters.retention'],
      maxLetters: config['dead_letters.per_task'],
      maxBytes: config['dead_letters.bytes_per_task'],
    },
  }
}

function secretOf(name: string, secret: Secret, variables: Variables): string {
  try {
    return resolveSecret(secret, { variables, readFile: (path) => readFileSync(path, 'utf8') })
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`)
  }
}

function fileOf(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${name}: ${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`)
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], null> }

/** Without what is `null`. */
function defined<const T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as Defined<T>
}
