/** What may be asked of an address, for `OPTIONS` and for methods that it does not take. */
import { API } from '../api/index.ts'
import { type Operation, STREAM_TYPE } from '../api/operation.ts'

let known: readonly (readonly [pattern: RegExp, methods: readonly string[]])[] | null = null

/** Empty for an address that there is nothing at. */
export function methodsAt(url: string): readonly string[] {
  const path = url.split('?', 1)[0]!
  known ??= Object.values(API).map((operation: Operation) => [patternOf(operation.path), methodsOf(operation)] as const)
  const found = known.filter(([pattern]) => pattern.test(path)).flatMap(([, methods]) => methods)
  return found.length === 0 ? [] : [...new Set([...found, 'OPTIONS'])].sort()
}

function patternOf(path: string): RegExp {
  const literal = path.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replaceAll(/:[a-z_]+/g, '[^/]+')}$`)
}

function methodsOf({ method, answers }: Operation): readonly string[] {
  const streams = answers[200]?.type === STREAM_TYPE || Object.keys(answers).length === 0
  return method === 'GET' && !streams ? ['GET', 'HEAD'] : [method]
}
