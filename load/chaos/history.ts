/** What clients were told, and what they must see the end of: written down as it happens. */
import { closeSync, openSync, writeSync } from 'node:fs'

export class History {
  /** Run ids that somebody was told are accepted. */
  readonly accepted = new Set<string>()
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  submitted(runId: string, key: string | null): void {
    this.accepted.add(runId)
    this.#write({ op: 'submit', run_id: runId, accepted: true, ...(key === null ? {} : { idempotency_key: key }) })
  }

  cancelled(runId: string, accepted: boolean): void {
    this.#write({ op: 'cancel', run_id: runId, accepted })
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(line: object): void {
    writeSync(this.#file, `${JSON.stringify({ ...line, at_ms: Date.now() })}\n`)
  }
}
