/** When the reader thread folds, trims and checkpoints: each by what was written since, one of a kind at a time. */
import type { Cancel, Environment } from '../../topology/environment.ts'
import type { Caller } from './calls.ts'
import type { SentGroup } from './group.ts'
import type { ReaderCalls } from './protocol.ts'
import type { Sequencer } from './sequencer.ts'

/** Even when nothing is written, records grow old. */
const TIDY_AT_LEAST_EVERY = 6
/** Transactions after which it is looked whether groups have to be settled. */
const SETTLE_EVERY = 1024
/** Of what is submitted, the part that reaches the file once packed; only decides when to look. */
const PACKED_SHARE = 0.3
const TRANSACTION_BYTES = 8192
/** While more is submitted than can be worked off, there may be so many times as much to fold and to settle: it has time until the rush is over. */
const RUSH_SLACK = 2

export interface HousekeepingOptions {
  readonly environment: Environment
  readonly foldBytes?: number
  readonly checkpointBytes?: number
  readonly tidyEveryMs?: number
}

export class Housekeeping {
  readonly #reader: Caller<ReaderCalls>
  readonly #sequencer: Sequencer
  readonly #environment: Environment
  readonly #foldBytes: number
  readonly #checkpointBytes: number
  readonly #tidyEveryMs: number
  #folding = false
  readonly #running = new Set<Promise<void>>()
  #groups = 0
  #settling = false
  /** By partition, the first event that somebody is still to read; empty: nobody says. */
  unreadEvents: () => readonly number[] = () => []
  isRushed: () => boolean = () => false
  #unsaved = 0
  #checkpointing = false
  #written = 0
  #idleRounds = 0
  #cancel: Cancel | null = null
  #closed = false

  constructor(reader: Caller<ReaderCalls>, sequencer: Sequencer, options: HousekeepingOptions) {
    this.#reader = reader
    this.#sequencer = sequencer
    this.#environment = options.environment
    this.#foldBytes = options.foldBytes ?? 16 << 20
    this.#checkpointBytes = options.checkpointBytes ?? 8 << 20
    this.#tidyEveryMs = options.tidyEveryMs ?? 10_000
    this.#schedule()
  }

  #schedule(): void {
    this.#cancel = this.#environment.after(this.#tidyEveryMs, () => {
      const due = this.#written > 0 || ++this.#idleRounds >= TIDY_AT_LEAST_EVERY
      this.#run(due ? this.tidy() : Promise.resolve(), () => {
        if (!this.#closed) this.#schedule()
      })
    })
  }

  get #slack(): number {
    return this.isRushed() ? RUSH_SLACK : 1
  }

  written({ bytes, group }: SentGroup): void {
    this.#written += bytes
    this.#unsaved += bytes * PACKED_SHARE + TRANSACTION_BYTES
    if (++this.#groups >= SETTLE_EVERY) this.#settle()
    const foldBytes = this.#foldBytes * this.#slack
    if (group.changelogs.some((changelog) => changelog.unfoldedBytes >= foldBytes)) this.#fold()
    if (this.#unsaved >= this.#checkpointBytes && !this.#checkpointing) this.#checkpoint()
  }

  /** Tasks whose turn is near go along: their changes lie in the same groups, which are unpacked once for all. */
  #fold(): void {
    if (this.#folding || this.#closed) return
    const { changelogs } = this.#sequencer
    const near = changelogs.filter(({ unfoldedBytes }) => unfoldedBytes >= this.#foldBytes / 2)
    const begun = new Map(near.map(({ task, unfoldedBytes }) => [task, unfoldedBytes]))
    const goals = near.map(({ task, durable }) => ({ task, through: durable }))
    this.#folding = true
    const fold = this.#reader.call('fold', [goals]).then((tasks) => {
      for (const task of tasks) {
        const changelog = changelogs[task]!
        changelog.unfoldedBytes = Math.max(0, changelog.unfoldedBytes - begun.get(task)!)
      }
      return tasks
    })
    this.#run(fold, (tasks = []) => {
      this.#folding = false
      const foldBytes = this.#foldBytes * this.#slack
      if (tasks.some((task) => changelogs[task]!.unfoldedBytes >= foldBytes)) this.#fold()
    })
  }

  #settle(): void {
    if (this.#settling || this.#closed) return
    this.#settling = true
    this.#groups = 0
    this.#run(this.#reader.call('settle', [this.#slack]), () => {
      this.#settling = false
    })
  }

  #checkpoint(): void {
    this.#checkpointing = true
    this.#unsaved = 0
    this.#run(this.#reader.call('checkpoint', []), () => {
      this.#checkpointing = false
    })
  }

  async tidy(): Promise<void> {
    this.#written = 0
    this.#idleRounds = 0
    if (this.#unsaved > 0 && !this.#checkpointing) this.#checkpoint()
    const trimmed = await this.#reader.call('tidy', [this.#environment.now(), this.unreadEvents(), this.#slack])
    for (const { topic, partition, first } of trimmed) this.#sequencer.partition(topic, partition).first = first
  }

  /** Maintenance that fails, on a full disk for one, is tried again when it is due again. */
  #run<T>(work: Promise<T>, after: (result: T | undefined) => void): void {
    const settled = work
      .catch(() => undefined)
      .then((result) => {
        this.#running.delete(settled)
        after(result)
      })
    this.#running.add(settled)
  }

  /** Starts nothing more, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true
    this.#cancel?.()
    await Promise.all(this.#running)
  }
}
