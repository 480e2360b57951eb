/** What an operator does about dead letters: look at the groups, see what a replay would do, repair the cause, replay, patch or discard. */
import { openEmbeddedReader } from '../../connectors/log-embedded/reader.ts'
import { decodeIngest } from '../../schemas/codec/ingest-json.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import { parseJson } from '../../schemas/json.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { ApiClient, Submission } from '../process/api-client.ts'

const CONTEXT = { headers: null, defaultTenant: DEFAULT_TENANT, nowMs: 0 }

export interface LetterGroup {
  readonly fingerprint: string
  readonly category: string
  readonly flow: string | null
  readonly step_id: string | null
  readonly code: string
  readonly message: string
  readonly open: number
}

interface Letter {
  readonly letter_id: string
  readonly position: string
}

export class Operator {
  readonly #client: ApiClient
  readonly #dataFolder: string
  #timer: NodeJS.Timeout | undefined
  #open = 0

  constructor(client: ApiClient, dataFolder: string) {
    this.#client = client
    this.#dataFolder = dataFolder
  }

  /** Open letters, as last seen by `watch`. */
  get open(): number {
    return this.#open
  }

  /** Looks once a second until `stop`. */
  watch(): void {
    this.#timer = setInterval(() => {
      this.groups().then(
        (groups) => {
          this.#open = groups.reduce((total, group) => total + group.open, 0)
        },
        () => {
          // the engine is down for the moment
        },
      )
    }, 1000)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async groups(): Promise<readonly LetterGroup[]> {
    const { body } = await this.#client.call('GET', '/api/v1/dlq/groups')
    return (body.groups as readonly LetterGroup[]).filter((group) => group.open > 0)
  }

  /** How many letters a replay of the group would move, and where the runs would go on. */
  async plan(group: LetterGroup): Promise<{ readonly matched: number; readonly continuesAfter: readonly string[] }> {
    const body = await this.#post('plan', { filter: { fingerprint: group.fingerprint }, sample: 1 })
    const [sample] = body.letters as readonly { readonly action: { readonly continues_after?: readonly string[] } }[]
    return { matched: Number(body.matched), continuesAfter: sample?.action.continues_after ?? [] }
  }

  /** Replays the whole group; with `patch` each run's input is changed first (RFC 7396). */
  async replay(
    group: LetterGroup,
    options: { readonly rate?: number; readonly patch?: object; readonly reason: string },
  ) {
    const body = await this.#post('replay', { filter: { fingerprint: group.fingerprint }, ...options })
    return Number(body.scheduled)
  }

  /** Replays refused records one by one, each repaired by `repair`; those it gives up (`null`) are discarded. */
  async repairRecords(
    group: LetterGroup,
    repair: (submission: Submission) => Submission | null,
    reason: string,
  ): Promise<{ replayed: number; discarded: number }> {
    const path = `/api/v1/dlq/letters?status=open&limit=1000&fingerprint=${encodeURIComponent(group.fingerprint)}`
    const { body } = await this.#client.call('GET', path)
    const done = { replayed: 0, discarded: 0 }
    for (const letter of body.letters as readonly Letter[]) {
      const filter = { letter_ids: [letter.letter_id] }
      const repaired = repair(this.#submissionAt(letter.position))
      if (repaired === null) {
        await this.#post('discard', { filter, reason })
        done.discarded++
      } else {
        await this.#post('replay', { filter, patch: repaired, reason })
        done.replayed++
      }
    }
    return done
  }

  async #post(command: string, body: object): Promise<{ readonly [name: string]: unknown }> {
    const answer = await this.#client.call('POST', `/api/v1/dlq/${command}`, body)
    if (answer.status >= 300) throw new Error(`${command} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** The submission as it lies in the log, at a position such as `ingest/2/117`. */
  #submissionAt(position: string): Submission {
    const [topic, partition, offset] = position.split('/') as [Topic, string, string]
    const reader = openEmbeddedReader(this.#dataFolder)
    try {
      const [record] = reader.read(topic, Number(partition), Number(offset), 1)
      if (record === undefined) throw new Error(`there is no record at ${position}`)
      const submission = decodeIngest(record.value, CONTEXT)
      if (submission.kind !== 'SubmitRun') throw new Error(`the record at ${position} is a ${submission.kind}`)
      const { flow, input, idempotencyKey, metadata } = submission
      return {
        flow,
        input: parseJson(input),
        ...(idempotencyKey === null ? {} : { idempotency_key: idempotencyKey }),
        ...(metadata === null ? {} : { metadata: parseJson(metadata) as object }),
      }
    } finally {
      reader.close()
    }
  }
}
