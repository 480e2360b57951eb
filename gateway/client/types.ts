/** The types of the client's calls, derived from the descriptions of the routes. */
import type { Content, Operation } from '../api/operation.ts'
import type { Json, ObjectOf, Schema, Shape } from '../api/schema.ts'

/** `name` is left out where every field of it may be. */
type Part<N extends string, P> = object extends P ? { readonly [K in N]?: P } : { readonly [K in N]: P }

type ParamsOf<O> = O extends { readonly params: infer S extends Shape } ? Part<'params', Texts<ObjectOf<S>>> : object
type QueryOf<O> = O extends { readonly query: infer S extends Shape } ? Part<'query', ObjectOf<S>> : object
type HeadersOf<O> = O extends { readonly headers: infer S extends Shape } ? Part<'headers', ObjectOf<S>> : object
/** Numbers may stand in a path as they are. */
type Texts<P> = { readonly [K in keyof P]: P[K] | string }

type BodyOf<O> = O extends {
  readonly body: { readonly required: infer R; readonly type: infer M; readonly schema: Schema<infer T> }
}
  ? R extends true
    ? { readonly body: BodyValue<M, T> }
    : { readonly body?: BodyValue<M, T> }
  : object
/** Texts and bytes are sent as they are. */
type BodyValue<M, T> =
  | (M extends 'application/x-ndjson' ? readonly T[] : unknown extends T ? Json : T)
  | string
  | Uint8Array

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Of the body, where it is not what the route expects first. */
  readonly contentType?: string
}

export type RequestOf<O> = ParamsOf<O> & QueryOf<O> & HeadersOf<O> & BodyOf<O> & CallOptions

/** An event of a stream. */
export interface StreamItem<T> {
  /** To go on after it: `Last-Event-ID`. */
  readonly id: string
  /** `message`, or e.g. `snapshot_required`. */
  readonly event: string
  readonly data: T
}

type ValueOf<C> = C extends { readonly type: 'application/x-ndjson'; readonly schema: Schema<infer T> }
  ? readonly T[]
  : C extends { readonly type: 'text/event-stream'; readonly schema: Schema<infer T> }
    ? AsyncIterable<StreamItem<T>>
    : C extends { readonly schema: Schema<infer T> }
      ? T
      : never

/** What a call resolves with: the body of an answer that is no error. */
export type AnswerOf<O extends Operation> = ValueOf<O['answers'][keyof O['answers']] & Content<unknown>>

export type Call<O extends Operation> =
  object extends RequestOf<O>
    ? (request?: RequestOf<O>) => Promise<AnswerOf<O>>
    : (request: RequestOf<O>) => Promise<AnswerOf<O>>
