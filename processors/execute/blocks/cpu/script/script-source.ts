/** The forms that a script may be written in. */
import type { QuickJSContext, QuickJSHandle } from 'quickjs-emscripten'
import { BoundedCache } from '../bounded-cache.ts'

const COMPILE_ONLY = 1 << 5
const ASYNC = 1 << 7

interface Form {
  readonly flags: number
  readonly wrap: (code: string) => string
  /** The result is a promise of `{ value }`. */
  readonly isBoxed: boolean
}

/** A program whose value is that of its last expression, with `await` or without; the body of a function that returns its value. */
const FORMS: readonly Form[] = [
  { flags: 0, wrap: (code) => code, isBoxed: false },
  { flags: ASYNC, wrap: (code) => code, isBoxed: true },
  { flags: 0, wrap: (code) => `(function(){${code}\n})()`, isBoxed: false },
  { flags: 0, wrap: (code) => `(async function(){${code}\n})()`, isBoxed: false },
]

const forms = new BoundedCache<Form>(500, 16_384)
const FILE = 'script.js'

export interface Evaluated {
  readonly result: ReturnType<QuickJSContext['evalCode']>
  readonly isBoxed: boolean
}

/** Runs the code in the first form that it compiles in. Where it does in none, the result is the error of the first. */
export function evaluate(context: QuickJSContext, code: string): Evaluated {
  const form = forms.get(code, () => FORMS.find((one) => compiles(context, one, code)) ?? FORMS[0]!)
  return { result: context.evalCode(form.wrap(code), FILE, form.flags), isBoxed: form.isBoxed }
}

function compiles(context: QuickJSContext, form: Form, code: string): boolean {
  const compiled = context.evalCode(form.wrap(code), FILE, form.flags | COMPILE_ONLY)
  const handle: QuickJSHandle = compiled.error ?? compiled.value
  handle.dispose()
  return compiled.error === undefined
}
