/** The settings file of one node of a local cluster (KRaft, combined broker and controller). */

export interface NodePorts {
  readonly client: number
  /** Plain text and all-powerful: for the brokers among themselves and for administration. */
  readonly internal: number
  readonly controller: number
}

export interface KafkaSasl {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  /** Passwords by user. */
  readonly users: Readonly<Record<string, string>>
}

export interface NodeSettings {
  readonly node: number
  readonly ports: readonly NodePorts[]
  readonly folder: string
  readonly sasl: KafkaSasl | null
  /** Only what is granted is allowed, except through the internal listener. */
  readonly acls: boolean
  readonly tls: { readonly keystore: string; readonly password: string } | null
  /** Where clients are told to go, `host:port`; `null`: to the node itself. */
  readonly advertised: string | null
  readonly properties: Readonly<Record<string, string>>
}

export function nodeProperties(settings: NodeSettings): string {
  const all = {
    ...listeners(settings),
    ...replication(settings.ports.length),
    ...SMALL_AND_FAST,
    ...security(settings),
    ...settings.properties,
  }
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function listeners({ node, ports, folder, sasl, tls, advertised }: NodeSettings): Record<string, string> {
  const own = ports[node - 1]!
  const internal = `INTERNAL://127.0.0.1:${own.internal}`
  const named = `CLIENT://127.0.0.1:${own.client},${internal}`
  const client = `${sasl === null ? '' : 'SASL_'}${tls === null ? 'PLAINTEXT' : 'SSL'}`
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node),
    'controller.quorum.voters': ports.map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`).join(','),
    listeners: `${named},CONTROLLER://127.0.0.1:${own.controller}`,
    'advertised.listeners': advertised === null ? named : `CLIENT://${advertised},${internal}`,
    'inter.broker.listener.name': 'INTERNAL',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': `CLIENT:${client},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'log.dirs': `${folder}/log`,
  }
}

function replication(nodes: number): Record<string, string> {
  const majority = String(Math.floor(nodes / 2) + 1)
  return {
    'default.replication.factor': String(nodes),
    'min.insync.replicas': majority,
    'offsets.topic.replication.factor': String(nodes),
    'transaction.state.log.replication.factor': String(nodes),
    'transaction.state.log.min.isr': majority,
    'share.coordinator.state.topic.replication.factor': String(nodes),
    'share.coordinator.state.topic.min.isr': majority,
  }
}

/** Few partitions of the internal topics, little memory and threads, failures noticed soon. */
const SMALL_AND_FAST: Record<string, string> = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '1000',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.num.partitions': '1',
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
  'broker.heartbeat.interval.ms': '500',
  'broker.session.timeout.ms': '3000',
  'log.retention.check.interval.ms': '1000',
  'log.initial.task.delay.ms': '1000',
  'num.network.threads': '2',
  'num.io.threads': '4',
  'background.threads': '2',
  'log.cleaner.dedupe.buffer.size': '16777216',
  'log.index.size.max.bytes': '1048576',
}

function security({ sasl, acls, tls }: NodeSettings): Record<string, string> {
  const result: Record<string, string> = {}
  if (acls) {
    result['authorizer.class.name'] = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
    result['super.users'] = 'User:ANONYMOUS'
    result['allow.everyone.if.no.acl.found'] = 'false'
  }
  if (sasl !== null) {
    const listener = `listener.name.client.${sasl.mechanism.toLowerCase()}.sasl.jaas.config`
    result['sasl.enabled.mechanisms'] = sasl.mechanism
    result[listener] = sasl.mechanism === 'PLAIN' ? plainUsers(sasl.users) : SCRAM_LOGIN
  }
  if (tls !== null) {
    result['ssl.keystore.location'] = tls.keystore
    result['ssl.keystore.password'] = tls.password
    result['ssl.keystore.type'] = 'PKCS12'
  }
  return result
}

const SCRAM_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'

function plainUsers(users: Readonly<Record<string, string>>): string {
  const each = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`)
  return `org.apache.kafka.common.security.plain.PlainLoginModule required${each.join('')};`
}
