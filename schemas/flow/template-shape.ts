/** A template as far as it is known before a run: literal parts as they will be rendered, and holes where expressions are. */
import type { Json } from '../json.ts'
import { textForm } from './template.ts'

/** Where a rendered value will be: anything, or a text that is put together from pieces. */
export class Hole {
  readonly kind: 'value' | 'text'
  /** As it is written. */
  readonly text: string
  constructor(kind: 'value' | 'text', text: string) {
    this.kind = kind
    this.text = text
  }
}

export type Shape = null | boolean | number | string | Hole | readonly Shape[] | { readonly [name: string]: Shape }

export function shapeOf(value: Json): Shape {
  if (typeof value === 'string') {
    const form = textForm(value)
    return form.kind === 'literal' ? form.text : new Hole(form.kind, value)
  }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(shapeOf)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]))
}

/** Whether nothing is left to be filled in; the shape is then the value. */
export function isLiteral(shape: Shape): shape is Json {
  if (shape instanceof Hole) return false
  if (typeof shape !== 'object' || shape === null) return true
  return Object.values(shape).every(isLiteral)
}

export function isObjectShape(shape: Shape): shape is { readonly [name: string]: Shape } {
  return typeof shape === 'object' && shape !== null && !Array.isArray(shape) && !(shape instanceof Hole)
}
