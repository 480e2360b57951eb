import { expect } from 'vitest'
import { type CheckedFlow, checkFlow } from '../../../schemas/flow/compile.ts'
import type { CompiledFlow } from '../../../schemas/flow/model.ts'

/** A flow in YAML from its steps (and other lines). */
export const flow = (steps: string, rest = ''): string => `flow: test\n${rest}\nsteps:\n${steps}`

export function compiled(source: string): CompiledFlow {
  const checked = checkFlow(source)
  expect(checked.ok ? [] : checked.problems).toEqual([])
  return (checked as Extract<CheckedFlow, { ok: true }>).flow
}

export function problems(source: string): readonly string[] {
  const checked = checkFlow(source)
  return checked.ok ? [] : checked.problems.map(({ code, path, message }) => `${code} ${path}: ${message}`)
}

/** `id<-dependencies` of every step. */
export const graphOf = ({ steps }: CompiledFlow): readonly string[] =>
  steps.map((step) => `${step.id}<-${step.dependencies.map((d) => steps[d.step]!.id).join(',')}`)

/** The shortest step. */
export const A = ' - {id: a, type: echo}'
