import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startKafka } from './cluster.ts'
import { NEWEST_KAFKA } from './jars.ts'

const HELP = `A real Apache Kafka on this machine, from Maven artifacts (wants Java 17 and Maven). Runs until Ctrl-C.

  --nodes 1|3       default 1
  --port N          of the first node, the others follow; default 9092
  --version V       default ${NEWEST_KAFKA}
  --data FOLDER     keep the data there; default: a temporary folder
  --heap SIZE       of each JVM; default 512m
  --set NAME=VALUE  a setting of the brokers, any number of times
`

/** The command line; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await run(args)
    return 0
  } catch (error) {
    console.error(`kafka: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string', default: '1' },
      port: { type: 'string', default: '9092' },
      version: { type: 'string', default: NEWEST_KAFKA },
      data: { type: 'string' },
      heap: { type: 'string', default: '512m' },
      set: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const nodes = Number(values.nodes)
  if (nodes !== 1 && nodes !== 3) throw new Error(`--nodes is '${values.nodes}'; expected 1 or 3`)
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 1 || port > 65_000) {
    throw new Error(`--port is '${values.port}'; expected a number from 1 to 65000`)
  }
  const kafka = await startKafka({
    nodes,
    port,
    version: values.version,
    heap: values.heap,
    properties: Object.fromEntries(values.set.map(settingOf)),
    ...(values.data === undefined ? {} : { dataFolder: values.data }),
  })
  console.log(`Kafka ${kafka.version} is ready: ${kafka.bootstrap.join(',')} (Ctrl-C ends it)`)
  // a signal handler alone does not keep the process alive
  const alive = setInterval(() => {}, 60_000)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  clearInterval(alive)
  await kafka.stop()
}

function settingOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new Error(`--set is '${text}'; expected NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}
