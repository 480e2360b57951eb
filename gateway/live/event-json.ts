/**
 * The text of an event as clients see it: JSON in snake case, without payloads (their sizes instead), so that one event costs about the same whatever its run carries.
 * A writer is made for each kind, since every event that happens is written while anybody follows.
 */
import type { AnyRecordDef } from '../../schemas/define.ts'
import * as runs from '../../schemas/records/events.ts'
import { OperationProgressed, OperationStarted } from '../../schemas/records/operations.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'

const DEFINITIONS = { ...runs, OperationStarted, OperationProgressed }
export type EventKind = (typeof DEFINITIONS)[keyof typeof DEFINITIONS]['kind']

export const EVENT_KINDS: readonly EventKind[] = Object.values(DEFINITIONS).map(({ kind }) => kind)

type Message = { readonly [field: string]: unknown }
type FieldText = (value: unknown) => string

const NAMES = new Map<string, string>([['tenant', 'tenant_id']])

/** Fields that are shown otherwise than they are. */
const OTHERS: { readonly [field: string]: readonly [name: string, text: FieldText] } = {
  input: ['input_bytes', sizeText],
  output: ['output_bytes', sizeText],
  metadata: ['metadata_bytes', sizeText],
  error: ['error', errorText],
  // as it was asked, small and JSON already
  query: ['query', String],
  // what was done to each is listed by the operation
  items: ['items_count', (items) => String((items as readonly unknown[]).length)],
}

const WRITERS = new Map<string, (message: Message) => string>(
  Object.values(DEFINITIONS).map((definition) => [definition.kind, writerOf(definition)]),
)

export function isEventKind(kind: string): kind is EventKind {
  return WRITERS.has(kind)
}

/** A letter says which record it keeps by fields of these names, so the event's own place is one text. */
export function eventJson(message: { readonly kind: EventKind }, partition: number, offset: number): string {
  return `${WRITERS.get(message.kind)!(message as Message)},"position":"events/${partition}/${offset}"}`
}

/** All of the object but its last field and its end. */
function writerOf({ kind, fields }: AnyRecordDef): (message: Message) => string {
  const parts = Object.keys(fields).map((field) => {
    const [name, text] = OTHERS[field] ?? [NAMES.get(field) ?? snakeCase(field), plainText]
    return { field, lead: `,"${name}":`, text }
  })
  const begin = 'runId' in fields ? `{"kind":"${kind}"` : `{"kind":"${kind}","run_id":null`
  return (message) => {
    let json = begin
    for (const { field, lead, text } of parts) json += lead + text(message[field])
    return json
  }
}

/** Ids, names and numbers; what needs no escapes is nearly all of it, and costs less this way. */
const PLAIN = /^[\w .:-]*$/

function plainText(value: unknown): string {
  if (typeof value === 'string' && value.length < 100 && PLAIN.test(value)) return `"${value}"`
  if (value === null) return 'null'
  return Number.isSafeInteger(value) ? `${value}` : JSON.stringify(value)
}

function sizeText(value: unknown): string {
  return value === null ? 'null' : String(Buffer.byteLength(value as string))
}

function errorText(value: unknown): string {
  if (value === null) return 'null'
  const { code, message, class: kind } = value as ErrorInfo
  return JSON.stringify({ code, message, class: kind })
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
