/** `beamline start`: runs a process until it is told to stop. A module of its own: other commands need not load an engine. */
import { once } from 'node:events'
import { openControlSocket } from '../connectors/control-socket/control-socket.ts'
import { realEnvironment as environment } from '../connectors/environment.ts'
import { createLogger } from '../connectors/logging/logger.ts'
import { prepareDataFolder } from '../gateway/cli/data-folder.ts'
import { DEFAULT_URL } from '../gateway/cli/shell.ts'
import type { LoadedConfig } from '../gateway/config/load-config.ts'
import type { Config } from '../gateway/config/settings.ts'
import { type BeamlineNode, startBeamline } from './beamline.ts'
import { configure } from './configure.ts'

const INTERRUPTED = 130
/** For leaving the groups; a cluster that does not answer is not waited for. */
const START_ENDS_WITHIN_MS = 3_000

/** Runs a process until it is told to stop. */
export async function runNode({ config }: LoadedConfig, interrupted: AbortSignal): Promise<number> {
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
  const hasExamples = config.examples ?? config.log === 'embedded'
  const trial = hasExamples
    ? `  curl -s '${url}/api/v1/runs?wait=5s' -H 'content-type: application/json' -d '{"flow":"hello","input":{"name":"Ada"}}'\n`
    : ''
  const beamline = url === DEFAULT_URL ? 'npx beamline' : `npx beamline --url ${url}`
  return `
Beamline is ready on ${url}, ${place}
${examples}
Try:
${trial}  ${beamline} flow list
  ${beamline} topic tail events --from first

Ctrl-C stops it; what was accepted goes on after the next start.

`
}
