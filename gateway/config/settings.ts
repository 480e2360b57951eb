/** Every setting of a process, once: the configuration file, the environment, the flags and the reference are made from it. */
import { connections } from './connections.ts'
import { type Secret, secret, secretUrl } from './secret.ts'
import {
  choice,
  choices,
  duration,
  flag,
  integer,
  list,
  type Setting,
  type SettingValue,
  size,
  text,
  url,
} from './setting.ts'

export const ROLES = ['tasks', 'execute:io', 'execute:cpu', 'execute:gpu', 'gateway', 'read-model'] as const
export type Role = (typeof ROLES)[number]

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MIB = 2 ** 20
const YEARS = 3_650 * DAY
const HUGE = 1_000_000_000

const port = integer(0, 65_535)
const many = integer(1, HUGE)
const brokers = list('`host:port`', (found) => /^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(found))
const age = duration(SECOND, YEARS)
const bytes = size(MIB, 2 ** 50)

/** By name; a dot is a level of the file. */
export const SETTINGS = {
  log: choice(['embedded', 'kafka'])('embedded', 'Where records are kept: in a folder of this process, or on Kafka.'),
  examples: flag(null, 'Publishes the example flows where there is no flow yet. Without it: on the embedded log only.'),
  data: text(
    '.beamline',
    'Folder of the embedded log, of the read model on SQLite and of snapshots; one process at a time.',
  ),
  partitions: integer(1, 1_024)(
    4,
    'Partitions, which are the tasks that share the work. Chosen when the deployment is created and never changed: about twice the processes that are expected.',
  ),
  roles: choices(ROLES)(
    ROLES,
    'What this process does. On the embedded log one process does everything; on Kafka roles can be divided over processes as you like.',
  ),
  host: text('127.0.0.1', 'Address the gateway listens on.'),
  port: port(8080, 'Port the gateway listens on; 0 takes any free one.'),
  health_port: port(
    null,
    'Port for `/health`, `/readyz` and `/metrics` alone, on the same address. Without it only the gateway serves them.',
  ),
  log_level: choice(LOG_LEVELS)('info', 'The least that is logged.'),
  grace: duration(0, HOUR)(
    30 * SECOND,
    'How long running steps may go on after SIGTERM; a second signal does not wait.',
  ),

  'concurrency.io': many(256, 'Steps of the pool `io` that run at once in this process.'),
  'concurrency.cpu': many(null, 'Steps of the pool `cpu` that run at once. Without it: 4 for each core.'),
  'concurrency.gpu': many(32, 'Steps of the pool `gpu` that run at once.'),

  'kafka.brokers': brokers(
    null,
    'Brokers to begin with. Needed for `log: kafka`; steps of `kafka.produce` write there on any log.',
  ),
  'kafka.prefix': text('beamline.', 'Begins the names of topics, groups and transactional ids.'),
  'kafka.deployment': text(
    null,
    'Name of the deployment, kept in the log. Another name at the same prefix is refused, so that two do not share topics by mistake.',
  ),
  'kafka.client_id': text(null, 'Names this process to the brokers. Without it: `beamline-` with host and process id.'),
  'kafka.tls.enabled': flag(null, 'TLS to the brokers. Without it: if another setting of `kafka.tls` is there.'),
  'kafka.tls.ca': text(null, 'File with the certificates (PEM) that brokers are checked against.'),
  'kafka.tls.cert': text(null, "File with this client's certificate (PEM)."),
  'kafka.tls.key': secret(null, 'Key of that certificate (PEM).'),
  'kafka.tls.reject_unauthorized': flag(
    true,
    'Brokers whose certificate cannot be checked are refused. `false` is for tests.',
  ),
  'kafka.sasl.mechanism': choice(['plain', 'scram-sha-256', 'scram-sha-512'])(
    null,
    'How this process says who it is. Without it: not at all.',
  ),
  'kafka.sasl.username': text(null, 'The user.'),
  'kafka.sasl.password': secret(null, 'The password.'),
  'kafka.session_timeout': duration(SECOND, 5 * MINUTE)(
    6 * SECOND,
    'Silence after which a process counts as dead, and its tasks and steps go to others.',
  ),
  'kafka.replication': integer(1, 100)(
    null,
    "Copies of each partition of new topics. Without it: the brokers' default.",
  ),
  'kafka.min_insync_replicas': integer(1, 100)(
    null,
    'Copies that must have a record before it counts, for new topics. Without it: 2 from three copies on, else 1.',
  ),
  'kafka.create_topics': flag(
    true,
    'Creates topics that are not there. `false`: a missing topic is an error, see `beamline topics plan`.',
  ),
  'kafka.snapshots': text(
    null,
    "Folder for snapshots of this process's tasks. Without it: `snapshots` in the data folder.",
  ),

  'read_model.kind': choice(['sqlite', 'postgres'])(
    'sqlite',
    'What queries are answered from: a file of this process, or a database that several gateways share.',
  ),
  'read_model.url': secretUrl(['postgres:', 'postgresql:'])(
    null,
    'The database. Needed for `read_model.kind: postgres`.',
  ),
  'read_model.schema': text(
    'beamline',
    'Schema of the database that is used, with further ones named after it. Two deployments in one database need two.',
  ),
  'read_model.nice': integer(0, 19)(
    0,
    'How far the thread of the read model leaves the cores to others where they are short: its nice value (Linux only). More than 0: submissions are accepted sooner; what has happened is seen later, and on SQLite queries, which are answered by that thread, take longer.',
  ),

  'schema_registry.url': url(['http:', 'https:'])(
    null,
    'A Confluent-compatible registry, for `log: kafka`. Without it: the one built into the gateway.',
  ),
  'schema_registry.username': text(null, 'User of the registry, for basic authentication.'),
  'schema_registry.password': secret(null, 'Password of the registry.'),
  'schema_registry.tls.ca': text(null, 'File with the certificates (PEM) that the registry is checked against.'),
  'schema_registry.tls.cert': text(null, "File with this client's certificate (PEM)."),
  'schema_registry.tls.key': secret(null, 'Key of that certificate (PEM).'),
  'schema_registry.tls.reject_unauthorized': flag(
    true,
    'A registry whose certificate cannot be checked is refused. `false` is for tests.',
  ),

  'egress.allow': list('addresses, networks or names')(
    null,
    'What steps may call beside public addresses, e.g. `10.1.0.0/16`.',
  ),
  'egress.deny': list('addresses, networks or names')(null, 'What steps may not call.'),
  'egress.only': flag(false, 'Steps may call what `egress.allow` names and nothing else.'),
  proxy: url(['http:', 'https:'])(null, 'Proxy for the calls of steps.'),
  connections: connections(
    null,
    'Databases and services that steps name: `{kind: postgres | redis | smtp | llm, url}`, and as the kind has them `readOnly`, `prefix`, `from`, `key`, `model`, `usdPerMillion`; with `tenants` for those alone. Their texts may be `secret://NAME`, one of the secrets of steps; outside the environment passwords and keys must be.',
  ),
  files: text(
    null,
    'Folder with a folder of files for each tenant, for steps. Without it: `files` in the data folder.',
  ),
  'blocks.folder': text(null, 'Folder with modules of custom blocks, see `custom-blocks.md`.'),
  'blocks.threads': many(
    null,
    'Threads for scripts and expressions, and for each custom block. Without it: one less than there are cores, and two at least.',
  ),
  'gpu.backend': choice(['webgpu', 'headlessgl', 'webasm', 'cpu'])(
    null,
    'What kernels run on. Without it: the best one that computes, see `gpu.md`.',
  ),
  'gpu.driver': text(
    null,
    'File that describes the Vulkan driver for kernels, `..._icd.json`. Without it: the one that is installed.',
  ),
  'scripts.memory': size(MIB, 2 ** 30)(64 * MIB, 'Memory that a script may use.'),
  'scripts.timeout': duration(1, DAY)(MINUTE, 'How long a script may take, whatever its step says.'),
  'scripts.trusted': flag(
    false,
    'Scripts of `javascript.trusted` may use all of Node.js. It is no sandbox: only where you trust everybody who publishes flows.',
  ),
  'secrets.folder': text(null, 'Folder with a file for each secret that steps may name.'),
  'secrets.store': text(null, 'File with encrypted secrets that steps may name.'),
  'secrets.key': secret(null, 'Key of `secrets.store`.'),

  'blobs.kind': choice(['folder', 's3'])(
    'folder',
    'Where large values lie: in a folder, which processes of one deployment must share, or in a bucket that speaks S3.',
  ),
  'blobs.folder': text(null, 'The folder. Without it: `blobs` in the data folder.'),
  'blobs.endpoint': url(['http:', 'https:'])(null, 'Address of the S3 server. Needed for `blobs.kind: s3`.'),
  'blobs.bucket': text(null, 'The bucket, which must be there. Needed for `blobs.kind: s3`.'),
  'blobs.region': text('us-east-1', 'Region of the bucket.'),
  'blobs.prefix': text(null, 'Begins the names of objects. Deployments that share a bucket need different ones.'),
  'blobs.access_key': text(null, 'Who this process is to the S3 server. Needed for `blobs.kind: s3`.'),
  'blobs.secret_key': secret(null, 'Its secret. Needed for `blobs.kind: s3`.'),
  'blobs.path_style': flag(true, 'The bucket stands in the path of addresses, not in the name of the host.'),
  'blobs.inline': size(1024, MIB)(
    64 * 2 ** 10,
    'Larger inputs and outputs of runs and outputs of steps lie beside the log. The same in every process.',
  ),
  'blobs.payload': size(MIB, 64 * MIB)(4 * MIB, 'Largest output of a step, wherever it lies.'),
  'blobs.max_size': size(MIB, 2 ** 40)(2 ** 30, 'Largest blob.'),
  'blobs.keep': duration(HOUR, YEARS)(
    DAY,
    'How long a blob stays that no run refers to, so that there is time to start one.',
  ),

  'limits.undecided': many(
    500_000,
    'Submissions that may wait to be decided, over all tasks; beyond it the gateway answers 503.',
  ),
  'limits.unfinished_runs': many(
    100_000,
    "Unfinished runs of this process's tasks, beyond which its gateway answers 429.",
  ),
  'limits.runs_per_task': many(25_000, 'Unfinished runs of one task, above which it reads no more submissions.'),
  'limits.assigned_per_task': many(256, 'Attempts of a pool that a task keeps assigned at once.'),
  'limits.sticky_keys_per_task': many(100_000, 'Sticky keys a task remembers; beyond them the oldest is forgotten.'),
  'limits.worker_silence': duration(0, DAY)(
    60 * SECOND,
    "How long after an attempt's timeout its worker may stay silent before it is given up.",
  ),
  'limits.attempt_age': duration(SECOND, 30 * DAY)(
    HOUR,
    'After so long (and its timeout) an attempt is given up even if its worker shows signs of life.',
  ),
  'limits.waiting_requests': many(
    10_000,
    'Requests of the gateway that may wait at once, for decisions or for runs to end.',
  ),

  'older.decisions': many(50, 'Requests of a tenant to `/api/v1/routes/decide` in a minute.'),
  'older.messages': many(100, 'The same to `/api/v1/messages`.'),
  'older.registrations': many(200, 'The same to `/api/v1/registry`.'),
  'older.requests': many(1_000, 'Requests of all tenants to all routes of the older gateway in a minute.'),
  'older.abuse': many(
    500,
    'Requests of a tenant in a minute, refused ones included, after which it is blocked for 5 minutes.',
  ),
  'older.require_authorization': flag(
    false,
    'Refuses requests without `Authorization: Bearer ...`. Only that it is there is looked at, as the older gateway did.',
  ),
  'older.decision_timeout': duration(1, HOUR)(
    5 * SECOND,
    'How long a decision is waited for before the answer is 503.',
  ),

  'dead_letters.retention': duration(MINUTE, YEARS)(14 * DAY, 'How long a dead letter is kept.'),
  'dead_letters.per_task': many(100_000, 'Letters a task keeps; above it the oldest go.'),
  'dead_letters.bytes_per_task': bytes(256 * MIB, 'What the open letters of a task may carry; above it the oldest go.'),

  'tracing.endpoint': url(['http:', 'https:'])(
    null,
    'Collector that traces are sent to, as OTLP over HTTP, e.g. `http://localhost:4318`. Without it: what `OTEL_EXPORTER_OTLP_ENDPOINT` names, or nowhere. `OTEL_SDK_DISABLED=true` turns traces off.',
  ),
  'tracing.authorization': secret(null, 'Value of the header `Authorization` towards `tracing.endpoint`.'),
  'tracing.percent': integer(0, 100)(
    null,
    'Share of traces that are sent, of those whose caller has not decided; failures are always sent. Without it: what `OTEL_TRACES_SAMPLER` says, or all.',
  ),
  'tracing.service': text(
    null,
    'What this service is called in traces. Without it: `OTEL_SERVICE_NAME`, or `beamline`.',
  ),

  'retention.work.age': age(
    null,
    'How long records stay that were worked off (embedded: 1h), or on Kafka all records of the topics of work (7d).',
  ),
  'retention.work.size': bytes(
    null,
    'The same, in size of each topic (embedded: 512MiB) or partition (Kafka: no bound; at least 1GiB).',
  ),
  'retention.events.age': age(7 * DAY, 'How long events stay in the log. The read model has its own copy.'),
  'retention.events.size': bytes(
    null,
    'The same, in size of the topic (embedded: 1GiB) or of each partition (Kafka: no bound).',
  ),
} as const satisfies { readonly [name: string]: AnySetting }

// biome-ignore lint/suspicious/noExplicitAny: settings of different types in one table
export type AnySetting = Setting<any>
export type SettingName = keyof typeof SETTINGS

/** What a process was told, with defaults filled in. */
export type Config = { readonly [N in SettingName]: SettingValue<(typeof SETTINGS)[N]> }

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[]

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name)
}

/** `kafka.client_id` is `BEAMLINE_KAFKA_CLIENT_ID`. */
export function variableOf(name: SettingName): string {
  return `BEAMLINE_${name.replaceAll('.', '_').toUpperCase()}`
}

export type { Secret }
