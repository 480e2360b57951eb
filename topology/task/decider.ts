/**
 * Decides records one by one, each on a savepoint, and the records they emit to this same task along with them.
 *
 * D1  A record that cannot be decoded, or whose decision throws, leaves nothing behind but a dead letter; the batch goes on.
 * D2  Emitted records to the task's own topics are decided in order of emission, right after the record that set them off.
 */
import { ControlBehind, type Decide, PayloadAway, type Processor } from '../../processors/turn.ts'
import { DecodeError, decodeRecord } from '../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { TaskTopic } from '../../schemas/topics.ts'
import { LogError, type LogRecord, type OutRecord } from '../log/port.ts'
import { bytesOf, type Failure, letterForRecord, letterForTimer, subjectOf } from './dead-letter.ts'
import type { DueEntry } from './due-heap.ts'
import type { TaskState } from './state.ts'
import type { TaskTurn } from './task-turn.ts'

/** `control_behind`, `payload_away`: nothing was done; the same is to be decided again once control is current, or what is wanted has been fetched. */
export type Decided = 'decided' | 'control_behind' | 'payload_away'

/** Told of every record that became a dead letter. */
export type DeadLetterListener = (topic: TaskTopic | 'timer', offset: number, failure: Failure) => void

export class Decider {
  readonly #processors: ReadonlyMap<TaskTopic, Processor>
  readonly #state: TaskState
  readonly #turn: TaskTurn
  readonly #onDeadLetter: DeadLetterListener
  /**
   * Rows are encoded when a commit is cut. One that cannot be would fail that commit, and the same again after each restart; so after such a failure
   * every decision is checked for it, and the one to blame is buried like any that throws.
   */
  careful = false
  #fusedHead = 0

  constructor(processors: readonly Processor[], state: TaskState, turn: TaskTurn, onDeadLetter: DeadLetterListener) {
    this.#processors = new Map(processors.map((processor) => [processor.topic, processor]))
    this.#state = state
    this.#turn = turn
    this.#onDeadLetter = onDeadLetter
  }

  /** Decides a record read from the log. `control_behind`: nothing was done; decide it again once control is current. */
  decide(topic: TaskTopic, record: LogRecord, controlIsCurrent: boolean): Decided {
    this.#turn.begin({ topic, offset: record.offset }, controlIsCurrent)
    const decided = this.#attempt(topic, record, record.offset)
    if (decided === 'decided') this.#drainFused()
    return decided
  }

  /** Decides a row that is due. */
  decideDue(entry: DueEntry, lastOffset: number): Decided {
    this.#turn.begin({ topic: 'timer', offset: lastOffset }, true)
    const store = this.#state.storeById(entry.storeId)!
    const row = store.rows.get(entry.key)
    const mark = this.#turn.mark()
    try {
      const handler = this.#dueHandler(entry.storeId)
      handler(this.#turn, entry.key, row)
      if (entry.place >= 0)
        throw new Error(`the handler of due store '${store.def.name}' left row '${entry.key}' as it was`)
      if (this.#turn.wanted.size > 0) throw new PayloadAway(false)
      if (this.careful) this.#state.checkEncodable()
      this.#state.keep()
    } catch (error) {
      this.#turn.rollback(mark)
      if (this.#turn.wanted.size > 0) return 'payload_away'
      // it stays in the state, but is not tried again before a restart
      store.suspendDue(entry.key)
      this.#bury('timer', lastOffset, letterForTimer(this.#turn, store.def.name, entry.key, error as Error))
    }
    this.#drainFused()
    return 'decided'
  }

  #dueHandler(storeId: number) {
    for (const processor of this.#processors.values()) {
      for (const due of processor.due) if (due.store.id === storeId) return due.handle
    }
    throw new Error(`store ${storeId} has due rows but no processor handles them`)
  }

  #drainFused(): void {
    const { fused, outbox } = this.#turn
    while (this.#fusedHead < fused.length) {
      const index = fused[this.#fusedHead++]!
      const record = outbox[index]!
      const decided = this.#attempt(record.topic as TaskTopic, record, this.#turn.cause.offset)
      // it comes round again, by way of the log; what it wants is fetched then
      if (decided !== 'decided') {
        this.#turn.wanted.clear()
        this.#turn.unfuse(index)
      }
    }
    fused.length = 0
    this.#fusedHead = 0
  }

  #attempt(topic: TaskTopic, record: OutRecord, offset: number): Decided {
    const turn = this.#turn
    const mark = turn.mark()
    let message: BeamlineRecord | null = null
    try {
      const processor = this.#processors.get(topic)!
      const source = {
        topic,
        partition: turn.partition,
        offset,
        key: record.key,
        headers: record.headers,
        value: bytesOf(record),
      }
      message =
        record.message ?? (processor.decode === undefined ? decodeRecord(record.value) : processor.decode(source))
      const handler = processor.handlers[message.kind] as Decide<BeamlineRecord> | undefined
      if (handler === undefined) throw new UnexpectedKind(message.kind, topic, Object.keys(processor.handlers))
      handler(turn, message, source)
      if (turn.wanted.size > 0) throw new PayloadAway(false)
      if (this.careful) this.#state.checkEncodable()
      this.#state.keep()
    } catch (error) {
      turn.rollback(mark)
      // whatever came of the decision, it was made without what it had asked for
      if (turn.wanted.size > 0) return 'payload_away'
      if (error instanceof ControlBehind && !turn.controlIsCurrent) return 'control_behind'
      const about = subjectOf(message)
      const failure = { ...failureOf(error as Error, message), ...(about === undefined ? {} : { about }) }
      const letter = letterForRecord(turn, topic, offset, record, failure)
      // a dead letter that cannot be stored stays where it is, in the log; making another one of it would never end
      this.#bury(topic, offset, { ...letter, letter: message?.kind === 'DeadLetter' ? null : letter.letter })
    }
    return 'decided'
  }

  #bury(
    topic: TaskTopic | 'timer',
    offset: number,
    { letter, failure }: { letter: BeamlineRecord | null; failure: Failure },
  ): void {
    if (letter !== null) this.#emitLetter(letter)
    this.#onDeadLetter(topic, offset, failure)
  }

  #emitLetter(letter: BeamlineRecord): void {
    const { partition } = this.#turn
    try {
      this.#turn.emit('dlq', partition, letter)
    } catch (error) {
      if (!(error instanceof LogError) || letter.kind !== 'DeadLetter') throw error
      // With the record in it the letter is larger than the log takes; it still says where the record is
      this.#turn.emit('dlq', partition, { ...letter, record: null })
    }
  }
}

/** A record of a kind the topic is not for. */
class UnexpectedKind extends Error {
  constructor(kind: string, topic: TaskTopic, expected: readonly string[]) {
    super(`a record of kind '${kind}' is on topic '${topic}', which takes ${expected.join(', ')}`)
    this.name = 'UnexpectedKind'
  }
}

function failureOf(error: Error, message: BeamlineRecord | null): Failure {
  const code = (error as { code?: unknown }).code
  if (error instanceof UnexpectedKind)
    return { category: 'record_refused', code: 'KIND_UNEXPECTED', message: error.message }
  if (message === null) {
    const known = error instanceof DecodeError || typeof code === 'string'
    return { category: 'record_unreadable', code: known ? String(code) : 'RECORD_CORRUPT', message: error.message }
  }
  if (error instanceof LogError) return { category: 'record_poison', code: error.code, message: error.message }
  return { category: 'record_poison', code: 'PROCESSOR_THREW', message: `${error.name}: ${error.message}` }
}
