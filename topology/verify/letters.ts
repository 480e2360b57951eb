/** Dead letters: each is stored once, and replayed once under one replay id. */
import type { DeadLetter } from '../../schemas/records/dlq.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import type { Findings } from './findings.ts'

export class Letters {
  stored = 0
  replayed = 0
  discarded = 0
  /** `topic/partition/offset` of records that a letter was written for. */
  readonly sources = new Set<string>()
  /** Run ids that replays announced. */
  readonly newRuns = new Map<string, string>()
  /** Letters that a task has taken in, with their position. */
  readonly expected = new Map<string, string>()
  readonly #storedIds = new Set<string>()
  readonly #replays = new Set<string>()
  readonly #findings: Findings

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** A letter on `dlq`; `processed`: its task has committed beyond it. */
  sent(letter: DeadLetter, where: string, processed: boolean): void {
    this.sources.add(`${letter.topic}/${letter.partition}/${letter.offset}`)
    if (processed) this.expected.set(letter.letterId, where)
  }

  event(event: EventRecord): void {
    if (event.kind === 'LetterDiscarded') this.discarded += 1
    if (event.kind === 'LetterStored') {
      this.stored += 1
      if (this.#storedIds.has(event.letterId)) {
        this.#findings.add('letter_stored_twice', `letter ${event.letterId}`, 'a second LetterStored')
      }
      this.#storedIds.add(event.letterId)
    }
    if (event.kind === 'LetterReplayed') {
      this.replayed += 1
      const key = `${event.letterId}/${event.replayId}`
      if (this.#replays.has(key)) {
        this.#findings.add(
          'letter_replayed_twice',
          `letter ${event.letterId}`,
          `twice under replay id ${event.replayId}`,
        )
      }
      this.#replays.add(key)
      if (event.newRunId !== null) this.newRuns.set(event.newRunId, event.letterId)
    }
  }

  /** @param complete whether every LetterStored there ever was has been seen */
  finish(complete: boolean): void {
    if (!complete) return
    for (const [letterId, where] of this.expected) {
      if (this.#storedIds.has(letterId)) continue
      this.#findings.add('letter_not_stored', where, `letter ${letterId} was taken in and has no LetterStored`)
    }
  }
}
