/** JSON Schemas that carry the TypeScript type of what they describe: the interface's description, checks of requests and the client come from one definition. */

export type JsonSchema = { readonly [keyword: string]: unknown }

export interface Schema<T> {
  /** Where parts have names, these refer to `#/components/schemas`. */
  readonly json: JsonSchema
  /** Under which it is found in the description. */
  readonly name: string | null
  /** What it is made of. */
  readonly parts: readonly Schema<unknown>[]
  readonly optional: boolean
  /** Phantom: never set. */
  readonly of?: T
}

export interface Optional<T> extends Schema<T> {
  readonly optional: true
}

export type Shape = { readonly [name: string]: Schema<unknown> }
export type TypeOf<S> = S extends Schema<infer T> ? T : never
type OptionalKeys<P extends Shape> = { [K in keyof P]: P[K] extends Optional<unknown> ? K : never }[keyof P]
export type ObjectOf<P extends Shape> = {
  readonly [K in Exclude<keyof P, OptionalKeys<P>>]: TypeOf<P[K]>
} & { readonly [K in OptionalKeys<P>]?: TypeOf<P[K]> }

/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

export function schema<T>(json: JsonSchema, parts: readonly Schema<unknown>[] = []): Schema<T> {
  return { json, name: null, parts, optional: false }
}

/** A part as it stands in what it is a part of. */
export function refOf({ name, json }: Schema<unknown>): JsonSchema {
  return name === null ? json : { $ref: `#/components/schemas/${name}` }
}

export function text(description: string, more: JsonSchema = {}): Schema<string> {
  return schema({ type: 'string', description, ...more })
}

/** Sent and received as they are. */
export function bytes(description: string): Schema<Uint8Array> {
  return schema({ type: 'string', format: 'binary', description })
}

export function integer(description: string, minimum?: number, maximum?: number): Schema<number> {
  return schema({ type: 'integer', description, ...bounds(minimum, maximum) })
}

export function number(description: string, minimum?: number, maximum?: number): Schema<number> {
  return schema({ type: 'number', description, ...bounds(minimum, maximum) })
}

export function boolean(description: string): Schema<boolean> {
  return schema({ type: 'boolean', description })
}

export function choice<const T extends readonly string[]>(description: string, values: T): Schema<T[number]> {
  return schema({ type: 'string', enum: values, description })
}

export function list<T>(of: Schema<T>, description?: string, maxItems?: number): Schema<readonly T[]> {
  const more = {
    ...(description === undefined ? {} : { description }),
    ...(maxItems === undefined ? {} : { maxItems }),
  }
  return schema({ type: 'array', items: refOf(of), ...more }, [of])
}

export function object<P extends Shape>(shape: P, description?: string): Schema<ObjectOf<P>> {
  const names = Object.keys(shape)
  const required = names.filter((name) => !shape[name]!.optional)
  return schema(
    {
      type: 'object',
      ...(description === undefined ? {} : { description }),
      properties: Object.fromEntries(names.map((name) => [name, refOf(shape[name]!)])),
      ...(required.length === 0 ? {} : { required }),
    },
    Object.values(shape),
  )
}

/** An object that may have no other fields: for requests, whose mistakes should be found. */
export function strict<P extends Shape>(shape: P, description?: string): Schema<ObjectOf<P>> {
  const open = object(shape, description)
  return { ...open, json: { ...open.json, additionalProperties: false } }
}

export function mapOf<T>(of: Schema<T>, description: string): Schema<{ readonly [name: string]: T }> {
  return schema({ type: 'object', description, additionalProperties: refOf(of) }, [of])
}

export function anything(description: string): Schema<Json> {
  return schema({ description })
}

export function nullable<T>(inner: Schema<T>): Schema<T | null> {
  const { type } = inner.json
  if (inner.name === null && typeof type === 'string') {
    const values = inner.json.enum as readonly unknown[] | undefined
    return schema(
      { ...inner.json, type: [type, 'null'], ...(values === undefined ? {} : { enum: [...values, null] }) },
      inner.parts,
    )
  }
  return schema({ anyOf: [refOf(inner), { type: 'null' }] }, [inner])
}

export function either<A, B>(a: Schema<A>, b: Schema<B>): Schema<A | B> {
  return schema({ anyOf: [refOf(a), refOf(b)] }, [a, b])
}

export function optional<T>(inner: Schema<T>): Optional<T> {
  return { ...inner, optional: true }
}

export function named<T>(name: string, inner: Schema<T>): Schema<T> {
  return { ...inner, name }
}

function bounds(minimum?: number, maximum?: number): JsonSchema {
  return { ...(minimum === undefined ? {} : { minimum }), ...(maximum === undefined ? {} : { maximum }) }
}
