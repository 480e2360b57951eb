/** How things are when metrics are read: what waits, how far behind readers are, who is connected. */
import { Gauge, type Registry } from 'prom-client'

export interface StateSources {
  readonly backlog: () => {
    readonly unfinishedRuns: number
    readonly steps: { readonly [reason: string]: number }
    readonly openLetters: number
    readonly operations: { readonly [action: string]: number }
  }
  /** Submissions of the whole deployment. */
  readonly undecided: () => number
  /** Events of the whole deployment that the read model has not applied; `null` where that is not known. */
  readonly readModelLag: () => Promise<number | null>
  readonly streamClients: () => number
  /** Steps executed at once at most, by pool. */
  readonly capacity: { readonly [pool: string]: number }
}

export function createStateMetrics(registry: Registry, sources: StateSources): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: (this: Gauge) => void | Promise<void>, labelNames: string[] = []) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        return read.call(this)
      },
    })
  gauge(
    'beamline_undecided_submissions',
    'Submissions that are durable and not decided, in the whole deployment.',
    function () {
      this.set(sources.undecided())
    },
  )
  gauge('beamline_unfinished_runs', "Unfinished runs of this process's tasks.", function () {
    this.set(sources.backlog().unfinishedRuns)
  })
  gauge(
    'beamline_backlog_steps',
    "Steps of this process's tasks by what they wait for; retries and timers are counted among the first 20,000 of a task.",
    function () {
      for (const [reason, steps] of Object.entries(sources.backlog().steps)) this.labels(reason).set(steps)
    },
    ['reason'],
  )
  gauge('beamline_task_letters', "Dead letters that this process's tasks keep, open or not.", function () {
    this.set(sources.backlog().openLetters)
  })
  gauge(
    'beamline_operations_running',
    "Bulk operations that this process's tasks are at, by action.",
    function () {
      this.reset()
      for (const [action, running] of Object.entries(sources.backlog().operations)) this.labels(action).set(running)
    },
    ['action'],
  )
  gauge('beamline_read_model_lag_events', 'Events that the read model has not applied.', async function () {
    const lag = await sources.readModelLag().catch(() => null)
    this.reset()
    if (lag !== null) this.set(lag)
  })
  gauge('beamline_stream_clients', 'Clients that follow the stream of events.', function () {
    this.set(sources.streamClients())
  })
  gauge(
    'beamline_pool_capacity',
    'Steps that this process executes at once at most.',
    function () {
      for (const [pool, steps] of Object.entries(sources.capacity)) this.labels(pool).set(steps)
    },
    ['pool'],
  )
}
