/** What a task has polled from one topic and not decided yet. */
import type { TaskTopic } from '../../schemas/topics.ts'
import type { LogRecord, TaskLog } from '../log/port.ts'

const POLL_MAX = 256

export class Inbox {
  readonly topic: TaskTopic
  readonly #log: TaskLog
  #records: readonly LogRecord[] = []
  #next = 0

  constructor(topic: TaskTopic, log: TaskLog) {
    this.topic = topic
    this.#log = log
  }

  /** The next record, without taking it. */
  peek(): LogRecord | undefined {
    if (this.#next === this.#records.length) {
      this.#records = this.#log.poll(this.topic, POLL_MAX)
      this.#next = 0
    }
    return this.#records[this.#next]
  }

  take(): void {
    this.#next++
  }

  /** Offset from which to read on once everything taken so far is committed. */
  nextOffset(): number {
    return this.#records[this.#next]?.offset ?? this.#log.position(this.topic)
  }
}
