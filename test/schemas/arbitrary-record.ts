/** Arbitrary values of an Avro type, found from its schema. */
import type avsc from 'avsc'
import { fc } from '../support/fast-check.ts'

interface Shape {
  readonly type: string
  readonly symbols?: readonly string[]
  readonly items?: unknown
  readonly values?: unknown
  readonly fields?: readonly { readonly name: string; readonly type: unknown }[]
}

export function arbitraryOf(type: avsc.Type): fc.Arbitrary<unknown> {
  return ofSchema(type.schema())
}

function ofSchema(schema: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(schema)) return fc.oneof(...schema.map(ofSchema))
  const shape = (typeof schema === 'string' ? { type: schema } : schema) as Shape
  switch (shape.type) {
    case 'null':
      return fc.constant(null)
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 20 })
    case 'int':
      return fc.integer()
    case 'long':
      // Beyond, avsc loses the last bit.
      return fc.integer({ min: -(2 ** 52), max: 2 ** 52 })
    case 'double':
      return fc.double({ noNaN: true })
    case 'boolean':
      return fc.boolean()
    case 'bytes':
      return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
    case 'enum':
      return fc.constantFrom(...shape.symbols!)
    case 'array':
      return fc.array(ofSchema(shape.items), { maxLength: 3 })
    case 'map':
      return fc.dictionary(fc.string({ maxLength: 5 }), ofSchema(shape.values), { maxKeys: 3, noNullPrototype: true })
    case 'record':
      return fc.record(Object.fromEntries(shape.fields!.map(({ name, type }) => [name, ofSchema(type)])))
    default:
      throw new TypeError(`no arbitrary for ${JSON.stringify(schema)}`)
  }
}
