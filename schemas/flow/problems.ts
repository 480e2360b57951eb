import type { FlowProblem } from './model.ts'

/** Where something is in a document: keys and indices from the top. */
export type Path = readonly (string | number)[]

const MAX_PROBLEMS = 50
const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** `steps[2].with.url` */
export function formatPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (PLAIN_KEY.test(part)) text += text === '' ? part : `.${part}`
    else text += `[${JSON.stringify(part)}]`
  }
  return text
}

export interface Position {
  readonly line: number
  readonly column: number
}
/** Finds a value, or with `key` the name before it, in the text as it came. */
export type Locate = (path: Path, what: 'value' | 'key') => Position | null

/** Collects what is wrong with a document, in the order found, up to 50. */
export class Problems {
  readonly #list: FlowProblem[] = []
  readonly #locate: Locate
  #count = 0

  constructor(locate: Locate = () => null) {
    this.#locate = locate
  }

  report(code: string, path: Path, message: string, what: 'value' | 'key' = 'value'): void {
    this.#count++
    if (this.#list.length >= MAX_PROBLEMS) return
    this.#list.push({ code, path: formatPath(path), message, ...this.#locate(path, what) })
  }

  get none(): boolean {
    return this.#count === 0
  }

  get list(): readonly FlowProblem[] {
    return this.#list
  }
}

const MAX_SHOWN = 60

/** A short form of a value for a message. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? `'${value}'` : String(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}
