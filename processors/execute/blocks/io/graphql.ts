import type { Json } from '../../../../schemas/json.ts'
import { type Block, BlockError } from '../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { HEADERS_SCHEMA, REQUEST_ERRORS } from './http.ts'
import type { HttpClient } from './http-client.ts'
import { buildRequest } from './http-request.ts'
import { persistent } from './http-worker.ts'

interface Input {
  readonly url?: string
  readonly query?: string
  readonly variables?: Json
  readonly operationName?: string | null
  readonly headers?: { readonly [name: string]: string }
  readonly onErrors?: 'return' | 'fail'
  readonly timeout_ms?: number
}

const inputSchema = {
  type: 'object',
  properties: {
    url: { type: 'string', description: 'An http or https URL.' },
    query: { type: 'string', description: 'The GraphQL document.' },
    variables: { default: {}, description: 'Variables of the document.' },
    operationName: { type: ['string', 'null'], description: 'Which operation of the document to run.' },
    headers: HEADERS_SCHEMA,
    onErrors: {
      enum: ['return', 'fail'],
      default: 'return',
      description: 'Whether an answer with `errors` is a success like any other, or fails with `GRAPHQL_ERRORS`.',
    },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
  additionalProperties: false,
}

export function graphqlBlock(tools: BlockTools, client: HttpClient): Block {
  return {
    type: 'graphql',
    version: 1,
    pool: 'io',
    summary:
      'Sends a GraphQL request and returns the whole answer, whatever its status. A 5xx or a broken connection is tried up to 3 times more.',
    inputSchema,
    errors: [
      ...REQUEST_ERRORS,
      { code: 'MISSING_QUERY', class: 'permanent', meaning: 'The input has no `query`.' },
      { code: 'GRAPHQL_REQUEST_FAILED', class: 'transient', meaning: 'No answer from the server.' },
      { code: 'GRAPHQL_RESPONSE_PARSE_ERROR', class: 'permanent', meaning: 'The answer is not JSON.' },
      { code: 'GRAPHQL_ERRORS', class: 'permanent', meaning: 'The answer has `errors`; only with `onErrors: fail`.' },
    ],
    takesSecrets: true,
    example: {
      url: 'https://example.org/graphql',
      query: 'query($id: ID!) { order(id: $id) { total } }',
      variables: { id: 'a-1' },
    },
    run: async (context, input) => {
      const { url, query, variables = {}, operationName = null, headers = {}, onErrors, timeout_ms } = input as Input
      const body = { query: query ?? '', variables, operationName }
      const outgoing = buildRequest(context, { ...(url && { url }), method: 'POST', headers, body })
      if (query === undefined || query.trim() === '')
        throw new BlockError('MISSING_QUERY', "the step's input has no 'query'")
      return within(tools, context.signal, timeout_ms, async (signal) => {
        const { answer, bytes } = await persistent(tools, client, outgoing, signal, 'GRAPHQL_REQUEST_FAILED')
        const output = parsed(bytes, answer.status)
        if (onErrors === 'fail') failOnErrors(output)
        return output
      })
    },
  }
}

function parsed(bytes: Buffer, status: number): Json {
  try {
    return JSON.parse(bytes.toString('utf8')) as Json
  } catch (cause) {
    const message = `the answer (status ${status}) is not JSON: ${(cause as Error).message}`
    throw new BlockError('GRAPHQL_RESPONSE_PARSE_ERROR', message, { cause })
  }
}

function failOnErrors(output: Json): void {
  const errors = (output as { readonly errors?: Json } | null)?.errors
  if (!Array.isArray(errors) || errors.length === 0) return
  const first = (errors[0] as { readonly message?: Json } | null)?.message ?? 'without a message'
  throw new BlockError('GRAPHQL_ERRORS', `the answer has ${errors.length} errors: ${String(first).slice(0, 500)}`, {
    detail: { errors: errors.slice(0, 10) },
  })
}
