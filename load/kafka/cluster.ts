/**
 * A real Apache Kafka on this machine, without Docker: for tests, benchmarks and trying things out.
 * From a shell: `node load/kafka/cluster.ts --help`.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePorts } from '../process/free-ports.ts'
import { type Certificate, makeCertificate } from './certificate.ts'
import { kafkaJars, NEWEST_KAFKA } from './jars.ts'
import { formatNode, java, type NodeMemory, type NodeProcess, startNode } from './node.ts'
import type { CommandOptions, CommandResult } from './run-command.ts'
import type { KafkaSasl, NodePorts, NodeSettings } from './settings.ts'
import { startWarden } from './warden.ts'

export interface KafkaClusterOptions {
  /** Default: the newest that works. */
  readonly version?: string
  /** Default 1. */
  readonly nodes?: 1 | 3
  /** Of the first node; the others follow. Default: free ones. */
  readonly port?: number
  readonly sasl?: KafkaSasl
  /** Nothing is allowed to users of the client listener but what is granted. Wants `sasl`. */
  readonly acls?: boolean
  readonly tls?: boolean
  /** `host:port` for each node that clients are sent to instead of the node itself, as through a proxy. */
  readonly advertised?: readonly string[]
  /** Added to, or instead of, the settings of the brokers. */
  readonly properties?: Readonly<Record<string, string>>
  /** Kept at the end, taken up again if it exists. Default: a temporary folder, removed at the end. */
  readonly dataFolder?: string
  /** Of each JVM. Default `512m`. */
  readonly heap?: string
  /** Default `small`. */
  readonly collector?: NodeMemory['collector']
}

export interface KafkaCluster {
  readonly version: string
  /** `host:port` of each node, for clients. */
  readonly bootstrap: readonly string[]
  /** A second listener without TLS, passwords and limits, for administration. */
  readonly internal: readonly string[]
  /** With `tls`: the certificate to trust, PEM. */
  readonly ca: string | null
  readonly folder: string
  /** Nodes count from 1. Resolves once the process is gone; `SIGSTOP` and `SIGCONT` resolve at once. */
  kill(node: number, signal?: NodeJS.Signals): Promise<void>
  /** Starts a node that was killed, on its data and ports. */
  start(node: number): Promise<void>
  /** Runs a class of the jars, e.g. `org.apache.kafka.tools.TopicCommand`, to its end. */
  tool(className: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>
  stop(): Promise<void>
}

/** Memory and garbage collection as Kafka's own start script has them: for what is measured. */
export const AS_SERVER = { heap: '1g', collector: 'server' } as const satisfies KafkaClusterOptions

const STOP_WITHIN_MS = 20_000

/** Starts a cluster and waits until every node serves. It ends with this process, however that ends. */
export async function startKafka(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  const { version = NEWEST_KAFKA, nodes = 1, heap = '512m', collector = 'small' } = options
  const jars = await kafkaJars(version)
  const temporary = options.dataFolder === undefined
  const folder = resolve(options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'beamline-kafka-'))))
  await mkdir(folder, { recursive: true })
  const ports = await choosePorts(nodes, options.port)
  const certificate = options.tls === true ? await makeCertificate(folder) : null
  const settings = ports.map((_, index) => nodeSettings(index + 1, ports, folder, options, certificate))
  const clusterId = await clusterIdOf(folder)
  const warden = startWarden(temporary ? folder : null)
  const running = new Map<number, NodeProcess>()
  const launch = (node: number): NodeProcess => {
    const process = startNode(settings[node - 1]!, jars, { heap, collector }, warden)
    running.set(node, process)
    return process
  }
  const kill = async (node: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    const process = running.get(node)
    if (process === undefined) return
    process.signal(signal)
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return
    await process.ended
    running.delete(node)
  }
  const stop = async (): Promise<void> => {
    const late = setTimeout(() => [...running.keys()].map((node) => kill(node)), STOP_WITHIN_MS)
    await Promise.all([...running.keys()].map((node) => kill(node, temporary ? 'SIGKILL' : 'SIGTERM')))
    clearTimeout(late)
    warden.close()
  }
  try {
    await Promise.all(settings.map((one) => formatNode(one, jars, clusterId)))
    await Promise.all(settings.map(({ node }) => launch(node).ready()))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    version,
    bootstrap: ports.map(({ client }) => `127.0.0.1:${client}`),
    internal: ports.map(({ internal }) => `127.0.0.1:${internal}`),
    ca: certificate?.ca ?? null,
    folder,
    kill,
    start: (node) => launch(node).ready(),
    tool: (className, args, toolOptions) => java(jars, className, args, toolOptions),
    stop,
  }
}

async function choosePorts(nodes: number, first: number | undefined): Promise<readonly NodePorts[]> {
  const free = await freePorts(nodes * 3)
  return Array.from({ length: nodes }, (_, index) => ({
    client: first === undefined ? free[index]! : first + index,
    internal: free[nodes + index]!,
    controller: free[2 * nodes + index]!,
  }))
}

function nodeSettings(
  node: number,
  ports: readonly NodePorts[],
  folder: string,
  options: KafkaClusterOptions,
  certificate: Certificate | null,
): NodeSettings {
  return {
    node,
    ports,
    folder: join(folder, `node-${node}`),
    sasl: options.sasl ?? null,
    acls: options.acls ?? false,
    tls: certificate,
    advertised: options.advertised?.[node - 1] ?? null,
    properties: options.properties ?? {},
  }
}

/** Kept with the data. Hex digits only: a leading `-` would be read as an option. */
async function clusterIdOf(folder: string): Promise<string> {
  const file = join(folder, 'cluster-id')
  const known = await readFile(file, 'utf8').catch(() => null)
  if (known !== null) return known
  const id = randomBytes(11).toString('hex')
  await writeFile(file, id)
  return id
}

if (import.meta.main) {
  // not awaited: the command imports this module
  void import('./command.ts').then(async ({ main }) => {
    process.exitCode = await main(process.argv.slice(2))
  })
}
