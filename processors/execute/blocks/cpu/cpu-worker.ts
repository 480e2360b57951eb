/** The program of the cpu pool's threads. */
import { BlockError } from '../../block.ts'
import { type Answer, serveProgram } from '../workers/serve.ts'
import { type CpuCall, MAX_OUTPUT_CHARS } from './cpu-pool.ts'
import { searchJmespath, searchOf } from './jmespath-search.ts'
import { scriptRunner } from './script/script-runner.ts'
import { runTransform } from './transform-run.ts'

const scripts = scriptRunner()

serveProgram({
  answer: (payload, interrupted) => answer(payload as unknown as CpuCall, interrupted),
  prepare: () => scripts.prepare(),
  otherwise: 'INTERNAL_ERROR',
})

function answer(call: CpuCall, interrupted: () => boolean): Answer {
  switch (call.block) {
    case 'jmespath':
      return { output: textOf(searchJmespath(searchOf(call.expression), call.data)) }
    case 'transform':
      return { output: textOf(runTransform(call.input)) }
    case 'javascript':
      return scripts.run(call, interrupted)
  }
}

/** @throws {BlockError} `OUTPUT_TOO_LARGE` */
function textOf(value: unknown): string {
  let text = ''
  try {
    text = JSON.stringify(value) ?? 'null'
  } catch (error) {
    // a text longer than the runtime can hold
    if (!(error instanceof RangeError)) throw error
  }
  if (text !== '' && text.length <= MAX_OUTPUT_CHARS) return text
  throw new BlockError('OUTPUT_TOO_LARGE', `the output has more than ${MAX_OUTPUT_CHARS} characters as JSON`)
}
