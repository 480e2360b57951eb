/** What the doctor looks at of the log: the data folder, or the topics on Kafka. */
import type { LoadedConfig } from '../../config/load-config.ts'
import type { Config } from '../../config/settings.ts'
import type { FolderState } from '../dependencies.ts'
import { counted } from '../look.ts'
import type { Shell } from '../shell.ts'
import { type Check, fail, ok, warn } from './machine.ts'

const KAFKA_WITHIN_MS = 15_000

export function checkFolder(folder: string, state: FolderState, { partitions }: Pick<Config, 'partitions'>): Check {
  if (state.kind === 'none')
    return ok('log', `no log in ${folder} yet; the first start makes one of ${counted(partitions, 'partition')}`)
  if (state.kind === 'damaged') {
    return fail(
      'log',
      state.reason,
      'Restore a backup into an empty folder with `beamline restore`; keep this one as it is.',
    )
  }
  const { version, knownVersion, owner, closed, bytes } = state
  const found = `format ${version}, ${counted(state.partitions, 'partition')}, ${(bytes / 2 ** 20).toFixed(1)} MiB in ${folder}`
  if (version > knownVersion) {
    return fail(
      'log',
      `${found}; this Beamline knows formats up to ${knownVersion}`,
      'Use the newer Beamline that wrote it.',
    )
  }
  if (version < knownVersion) {
    return warn(
      'log',
      `${found}; this Beamline writes ${knownVersion}`,
      'The next start keeps a copy and upgrades it; back it up first.',
    )
  }
  if (state.partitions !== partitions) {
    const next = `Set partitions to ${state.partitions}: the number is chosen once.`
    return fail('log', `${found}; the configuration says ${partitions}`, next)
  }
  if (owner !== null) return ok('log', `${found}, in use by process ${owner}`)
  return ok('log', closed ? `${found}, closed in order` : `${found}, not closed in order: the next start checks it`)
}

/** Asks the cluster what it would take to run there; changes nothing. */
export async function checkKafka(shell: Shell, loaded: LoadedConfig): Promise<Check> {
  const brokers = loaded.config['kafka.brokers']?.join(', ') ?? 'no brokers'
  const late = Promise.withResolvers<never>()
  const cancel = shell.environment.after(KAFKA_WITHIN_MS, () =>
    late.reject(new Error(`no answer within ${KAFKA_WITHIN_MS / 1_000} s`)),
  )
  try {
    const asked = shell.manageTopics(loaded, { apply: false, create: loaded.config['kafka.create_topics'] })
    const report = await Promise.race([asked, late.promise])
    const refused = report.steps.find(({ kind }) => kind === 'refuse')
    if (refused !== undefined)
      return fail('kafka', refused.text, 'See docs/kafka.md; `beamline topics plan` shows all of it.')
    const found = report.deployment === null ? 'no deployment yet' : `deployment '${report.deployment.name}'`
    if (report.steps.length === 0) return ok('kafka', `${brokers}: ${found}, topics as they should be`)
    const next = 'The first start does it where it may; else run `beamline topics apply`.'
    return warn('kafka', `${brokers}: ${found}, ${report.steps.length} changes to topics are due`, next)
  } catch (error) {
    return fail(
      'kafka',
      `${brokers}: ${(error as Error).message}`,
      'Check kafka.brokers, TLS and SASL settings, and the network.',
    )
  } finally {
    cancel()
  }
}
