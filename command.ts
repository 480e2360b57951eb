/** The command line with everything it needs: what `beamline` and `npm start` run. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { configure, kafkaOptions } from './configure.ts'
import { backUp } from './connectors/backup/backup.ts'
import { restore } from './connectors/backup/restore.ts'
import { askForProfile, listeningProcesses } from './connectors/control-socket/ask.ts'
import { openControlSocket } from './connectors/control-socket/control-socket.ts'
import { realEnvironment as environment } from './connectors/environment.ts'
import { openEmbeddedLog } from './connectors/log-embedded/embedded-log.ts'
import { inspectFolder } from './connectors/log-embedded/inspect.ts'
import { openEmbeddedReader } from './connectors/log-embedded/reader.ts'
import { DATABASE_FILE } from './connectors/log-embedded/schema.ts'
import { manageTopics } from './connectors/log-kafka/topics-tool.ts'
import { createLogger } from './connectors/logging/logger.ts'
import { dryRunner } from './dry-run.ts'
import { runCli } from './gateway/cli/cli.ts'
import { prepareDataFolder, requireDataFolder } from './gateway/cli/data-folder.ts'
import type { ProcessProfile, Script, VerifyConfig } from './gateway/cli/dependencies.ts'
import { DEFAULT_URL } from './gateway/cli/shell.ts'
import type { LoadedConfig } from './gateway/config/load-config.ts'
import type { Config } from './gateway/config/settings.ts'
import { type BeamlineNode, startBeamline } from './main.ts'
import { parseClientLine, parseLedgerLine, parseLines } from './topology/verify/formats.ts'
import type { VerifyReport } from './topology/verify/report.ts'
import { sourceOf, verifyHistory } from './topology/verify/verify-history.ts'

const INTERRUPTED = 130
/** For leaving the groups; a cluster that does not answer is not waited for. */
const START_ENDS_WITHIN_MS = 3_000

/** Runs one command; resolves with the exit code. */
export async function runCommand(args: readonly string[]): Promise<number> {
  const interrupted = new AbortController()
  const onSignal = (): void => interrupted.abort()
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  const dry = dryRunner(process.env.BEAMLINE_BLOCKS_FOLDER || null, interrupted.signal)
  const code = await runCli(args, {
    version: packageVersion(),
    environment,
    variables: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    interrupted: interrupted.signal,
    startNode: (loaded) => runNode(loaded, interrupted.signal),
    manageTopics: ({ config }, { apply, create }) =>
      manageTopics(
        {
          ...kafkaOptions(config, process.env),
          environment,
          partitions: config.partitions,
          ...(create ? {} : { createTopics: false }),
        },
        { apply },
      ),
    verify: verifyFolder,
    dryRun: dry.run,
    backUp: (request) => {
      requireDataFolder(request.dataFolder, DATABASE_FILE)
      return backUp({ ...request, version: packageVersion(), nowMs: environment.now() })
    },
    restore,
    inspectFolder,
    checkSettings: ({ config }) => void configure(config, process.env),
    profile: ({ dataFolder, pid, ms }) => profileOf(dataFolder, pid, ms, interrupted.signal),
    runScript,
  })
  await dry.close()
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  return code
}

/** Runs a process until it is told to stop. */
async function runNode({ config }: LoadedConfig, interrupted: AbortSignal): Promise<number> {
  const logger = createLogger({ environment, level: config.log_level })
  if (config.log === 'embedded' || config['read_model.kind'] === 'sqlite') prepareDataFolder(config.data)
  const settings = configure(config, process.env)
  // Nothing is accepted yet, so a start that is interrupted just ends; on Kafka it leaves its groups, or others would wait for it to time out.
  const giveUp = (): void => {
    process.stderr.write('stopped before it was ready\n')
    if (config.log === 'embedded') process.exit(INTERRUPTED)
    environment.after(START_ENDS_WITHIN_MS, () => process.exit(INTERRUPTED))
  }
  interrupted.addEventListener('abort', giveUp)
  const node = await startBeamline({ ...settings, logger, signal: interrupted }).catch(
    (error: NodeJS.ErrnoException) => {
      if (interrupted.aborted) process.exit(INTERRUPTED)
      throw listenProblem(error, config) ?? error
    },
  )
  interrupted.removeEventListener('abort', giveUp)
  const control = await openControlSocket(config.data, environment).catch((error: Error) => {
    logger.warn({}, `no profile can be asked for: ${error.message}`)
    return null
  })
  process.stdout.write(welcome(node, config))
  if (!interrupted.aborted) await once(interrupted, 'abort')
  // the second signal does not wait
  process.once('SIGINT', () => process.exit(INTERRUPTED)).once('SIGTERM', () => process.exit(143))
  logger.info({}, 'stopping: running steps may finish')
  await control?.close()
  await node.close()
  return 0
}

/** Of the one process that runs on the folder, or the one that is named. */
async function profileOf(folder: string, pid: number | null, ms: number, signal: AbortSignal): Promise<ProcessProfile> {
  const listening = existsSync(folder) ? listeningProcesses(folder) : []
  const asked = pid === null ? listening.filter(isRunning) : [pid]
  if (asked.length > 1) throw new Error(`processes ${asked.join(', ')} run on ${folder}; name one with --pid`)
  const profile = asked[0] === undefined ? null : await askForProfile(folder, asked[0], ms, signal)
  if (profile === null) throw new Error(`no process${pid === null ? '' : ` ${pid}`} that runs on ${folder} answers`)
  return profile
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** What is wrong with the address, if that is what it is. */
function listenProblem({ code, port: taken }: ListenError, { host, port: asked }: Config): Error | null {
  const port = taken ?? asked
  switch (code) {
    case 'EADDRINUSE':
      return new Error(
        `port ${port} of ${host} is in use; stop the other program or choose a port with BEAMLINE_PORT or --port`,
      )
    case 'EACCES':
      return new Error(`port ${port} of ${host} is not allowed; choose one from 1024 with BEAMLINE_PORT or --port`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Error(
        `${host} is no address of this machine; expected one such as 127.0.0.1 or 0.0.0.0 in BEAMLINE_HOST or --host`,
      )
    default:
      return null
  }
}

interface ListenError extends NodeJS.ErrnoException {
  readonly port?: number
}

function welcome({ url, published }: BeamlineNode, config: Config): string {
  const place = config.log === 'kafka' ? `on Kafka at ${config['kafka.brokers']?.join(', ')}` : `data in ${config.data}`
  if (!config.roles.includes('gateway')) return `\nBeamline runs ${config.roles.join(', ')}, ${place}\n\n`
  const examples = published === 0 ? '' : `${published} example flows published.\n`
  const beamline = url === DEFAULT_URL ? 'npx beamline' : `npx beamline --url ${url}`
  return `
Beamline is ready on ${url}, ${place}
${examples}
Try:
  curl -s '${url}/api/v1/runs?wait=5s' -H 'content-type: application/json' -d '{"flow":"hello","input":{"name":"Ada"}}'
  ${beamline} flow list
  ${beamline} topic tail events --from first

Ctrl-C stops it; what was accepted goes on after the next start.

`
}

/** Checks a data folder at rest. */
export async function verifyFolder({
  dataFolder,
  ledgerFile,
  historyFile,
  settled,
}: VerifyConfig): Promise<VerifyReport> {
  requireDataFolder(dataFolder, DATABASE_FILE)
  const reader = openEmbeddedReader(dataFolder)
  const { partitions } = reader
  reader.close()
  const log = await openEmbeddedLog({ folder: dataFolder, partitions, environment })
  try {
    const client = historyFile === null ? [] : parseLines(await readFile(historyFile, 'utf8'), parseClientLine)
    const ledger = ledgerFile === null ? [] : parseLines(await readFile(ledgerFile, 'utf8'), parseLedgerLine)
    return await verifyHistory(sourceOf(log), { ledger, client }, { settled })
  } finally {
    await log.close()
  }
}

const SCRIPTS: Record<Script, string> = {
  bench: './load/bench/bench.ts',
  demo: './load/demo/demo.ts',
  simulate: './test/simulation/simulate.ts',
}

async function runScript(script: Script, args: readonly string[]): Promise<number | null> {
  const file = fileURLToPath(new URL(SCRIPTS[script], import.meta.url))
  if (!existsSync(file)) return null
  const child = spawn(process.execPath, ['--expose-gc', file, ...args], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

function packageVersion(): string {
  for (const place of ['./package.json', '../package.json']) {
    const file = fileURLToPath(new URL(place, import.meta.url))
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  return 'unknown'
}
