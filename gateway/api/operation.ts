/** One route of the HTTP interface, described before it is written: path, parameters, bodies, answers and errors. */
import type { ErrorCode } from '../errors.ts'
import type { Schema, Shape } from './schema.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export const JSON_TYPE = 'application/json'
export const LINES_TYPE = 'application/x-ndjson'
export const BYTES_TYPE = 'application/octet-stream'
export const STREAM_TYPE = 'text/event-stream'

export interface Content<T> {
  readonly description: string
  readonly type: string
  /** Of lines and streams: of one of them. */
  readonly schema: Schema<T>
  /** Types of the same as text. */
  readonly otherTypes?: readonly string[]
}

export type Answers = { readonly [status: number]: Content<unknown> }

export interface Operation {
  readonly method: Method
  /** With parameters as `:name`. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly description?: string
  readonly params?: Shape
  readonly query?: Shape
  readonly headers?: Shape
  readonly body?: Content<unknown> & { readonly required: boolean; readonly otherTypes?: readonly string[] }
  readonly answers: Answers
  /** Besides those that any route may answer. */
  readonly errors: readonly ErrorCode[]
}

/** Keeps the exact types of what is described. */
export function operation<const O extends Operation>(described: O): O {
  return described
}

/** The same for answers and bodies. */
export function json<T>(schema: Schema<T>, description: string): Content<T> & { readonly type: 'application/json' } {
  return { description, type: JSON_TYPE, schema }
}

export function jsonBody<T>(schema: Schema<T>, description: string, required = true) {
  return { ...json(schema, description), required }
}
