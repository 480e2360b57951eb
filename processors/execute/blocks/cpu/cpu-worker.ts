/** The program of the cpu pool's threads. */
import type { Json } from '../../../../schemas/json.ts'
import { serve } from '../workers/serve.ts'
import { searchJmespath } from './jmespath-search.ts'

interface JmespathCall {
  readonly block: 'jmespath'
  readonly expression: string
  readonly data: Json
}

serve((payload) => {
  const { expression, data } = payload as unknown as JmespathCall
  return searchJmespath(expression, data)
}, 'JMESPATH_RUNTIME_ERROR')
