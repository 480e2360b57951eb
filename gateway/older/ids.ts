/** Ids of the older systems are opaque texts; a run has an id of its own, made of them, so that each is found without an index. */
import { createHash } from 'node:crypto'
import { newRunId, type RunId, type TenantId } from '../../schemas/ids.ts'
import type { Environment } from '../../topology/environment.ts'
import { RequestError } from '../errors.ts'

const MAX_LENGTH = 128
const FORM = /^[^\s\p{C}]+$/u

export function isOlderId(text: unknown): text is string {
  return typeof text === 'string' && text.length <= MAX_LENGTH && FORM.test(text)
}

/** @throws {RequestError} */
export function checkOlderId(name: string, found: unknown): string {
  if (isOlderId(found)) return found
  const shown = JSON.stringify(found ?? null).slice(0, 100)
  const message = `\`${name}\` is ${shown}; expected 1 to ${MAX_LENGTH} characters, none of them white space`
  throw new RequestError('invalid_request', message, {
    details: { code: 'INVALID_FIELD', path: name },
    intakeErrorCode: 'SCHEMA_VALIDATION_FAILED',
  })
}

export function newMessageId(environment: Environment): string {
  const word = (): string => environment.randomU32().toString(16).padStart(8, '0')
  return `msg_${word()}${word()}${word()}${word()}`
}

/** The run that stands for what has this id; `what` keeps things of one id apart. */
export function runIdFor(tenant: TenantId, what: 'message' | 'deletion', id: string): RunId {
  const digest = createHash('sha256').update(`${what}\n${tenant}\n${id}`).digest()
  let at = 2
  const random = (): number => {
    const word = digest.readUInt32LE(at)
    at += 4
    return word
  }
  return newRunId(digest.readUInt16LE(0), random)
}

/** The run that says that the message of this run is deleted. */
export function deletionOf(tenant: TenantId, message: RunId): RunId {
  return runIdFor(tenant, 'deletion', message)
}
