/**
 * Publishes definitions: asks the task of partition 0, which alone numbers versions and revisions, so that several gateways may publish at the same
 * moment. The answer comes when every partition has its copy.
 */
import { createHash } from 'node:crypto'
import type { BlockType } from '../schemas/flow/block-types.ts'
import { type CheckedFlow, checkFlow } from '../schemas/flow/compile.ts'
import type { FlowProblem } from '../schemas/flow/model.ts'
import type { TenantId } from '../schemas/ids.ts'
import { toJsonText } from '../schemas/json.ts'
import type { DeprecateFlow, FlowDeprecated, FlowPublished, TenantChanged } from '../schemas/records/control.ts'
import type { BeamlineRecord } from '../schemas/records/index.ts'
import type { Reply } from '../schemas/records/replies.ts'
import type { ReplyTo } from '../schemas/records/shared.ts'
import type { TenantPatch } from '../schemas/records/tenant-patch.ts'
import type { Log } from '../topology/log/port.ts'
import type { Definitions } from './definitions.ts'
import { type ErrorCode, type ErrorDetails, RequestError } from './errors.ts'
import { outRecord } from './out-record.ts'
import type { Replies } from './replies.ts'

export interface Published {
  readonly record: FlowPublished
  /** False when the latest version is this very document. */
  readonly created: boolean
}

const CODES: { readonly [code: string]: ErrorCode } = { conflict: 'conflict', unknown_flow: 'flow_not_found' }

export class Publisher {
  readonly #log: Log
  readonly #replies: Replies
  readonly #definitions: Definitions
  readonly #blockTypes: readonly BlockType[] | undefined

  constructor(log: Log, replies: Replies, definitions: Definitions, blockTypes?: readonly BlockType[]) {
    this.#log = log
    this.#replies = replies
    this.#definitions = definitions
    this.#blockTypes = blockTypes
  }

  /** @throws {RequestError} `invalid_flow` with all problems; `timeout` while the task of partition 0 does not answer */
  async publishFlow(tenant: TenantId, source: Uint8Array, publishedBy: string | null): Promise<Published> {
    const checked = checkFlow(source, this.#blockTypes)
    // what steps give their blocks may have been published before it was checked: then it stays as good as it was
    const readable = checked.ok ? checked : checkFlow(source)
    const { name: flow, document } = readable.ok ? readable : accepted(checked)
    const hash = createHash('sha256').update(document).digest('hex')
    await this.#definitions.current()
    const latest = this.#definitions.versions(tenant, flow).at(-1)
    if (latest?.hash === hash) return { record: latest, created: false }
    accepted(checked)
    const key = `publish/${tenant}/${flow}/${hash}`
    const reply = await this.#ask('the flow', key, (replyTo) => ({
      kind: 'PublishFlow',
      tenant,
      flow,
      document,
      hash,
      publishedBy,
      replyTo,
    }))
    const answer = JSON.parse(reply.body) as { version: number; created: boolean; publishedAtMs?: number }
    const { version, created, publishedAtMs } = answer
    if (!created || publishedAtMs === undefined) {
      const known = await this.#definitions.awaitFlow(tenant, flow, version)
      return { record: known.record, created: false }
    }
    const record: FlowPublished = {
      kind: 'FlowPublished',
      tenant,
      flow,
      version,
      document,
      hash,
      publishedAtMs,
      publishedBy,
    }
    this.#definitions.add(record)
    return { record, created: true }
  }

  /** @throws {RequestError} when the limits cannot be divided, or the spread would change; `timeout` as above */
  async changeTenant(tenant: TenantId, patch: TenantPatch): Promise<TenantChanged> {
    const reply = await this.#ask('the change', `change/${tenant}`, (replyTo) => ({
      kind: 'ChangeTenant',
      tenant,
      patch: toJsonText(patch),
      replyTo,
    }))
    const record = JSON.parse(reply.body) as TenantChanged
    this.#definitions.add(record)
    return record
  }

  /** Resolves once the change is known here. @throws {RequestError} `flow_not_found`; `timeout` as above */
  async deprecateFlow(change: Omit<DeprecateFlow, 'kind' | 'replyTo'>): Promise<void> {
    const { tenant, flow, version } = change
    const reply = await this.#ask('the change', `deprecate/${tenant}/${flow}/${version}`, (replyTo) => ({
      kind: 'DeprecateFlow',
      ...change,
      replyTo,
    }))
    if (reply.code === 'unchanged') await this.#definitions.current()
    else this.#definitions.add(JSON.parse(reply.body) as FlowDeprecated)
  }

  /** The key lets a compacted topic forget a command once the same was asked again. */
  async #ask(what: string, key: string, command: (replyTo: ReplyTo) => BeamlineRecord): Promise<Reply> {
    const expected = this.#replies.expect(what)
    await this.#log.append([outRecord('control', 0, key, command(expected.replyTo))]).catch((error: unknown) => {
      expected.forget()
      throw error
    })
    const reply = await expected.reply
    if (reply.ok) return reply
    const { message, details } = JSON.parse(reply.body) as { message: string; details: ErrorDetails }
    throw new RequestError(CODES[reply.code] ?? 'invalid_request', message, { details })
  }
}

function accepted(checked: CheckedFlow): Extract<CheckedFlow, { readonly ok: true }> {
  if (checked.ok) return checked
  const { problems } = checked
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  throw new RequestError('invalid_flow', `the flow cannot be published: ${withPlace(problems[0]!)}${more}`, {
    details: { problems },
  })
}

function withPlace({ path, line, column, message }: FlowProblem): string {
  const position = line === undefined ? '' : `line ${line}, column ${column ?? 1}: `
  return `${position}${path === '' ? '' : `\`${path}\`: `}${message}`
}
