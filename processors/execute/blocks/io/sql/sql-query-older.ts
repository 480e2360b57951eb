/** `sql.query` of the older C++ blocks: SQLite, texts in, texts out. */
import type { Json } from '../../../../../schemas/json.ts'
import { type Block, BlockError } from '../../../block.ts'
import { TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import { inOlderCodes, missingField, OLDER_ERRORS } from '../older-codes.ts'
import type { SqlParts } from './sql.ts'
import { IN_MEMORY, runSqlite } from './sqlite.ts'
import { checkStatement } from './statement.ts'

interface Input {
  readonly query?: string
  readonly connection?: string
  readonly params?: Json
  readonly timeout_ms?: number
}

const OLDER_CODES = {
  MISSING_QUERY: 'MISSING_REQUIRED_FIELD',
  DB_CONNECTION_ERROR: 'EXECUTION_FAILED',
  DB_QUERY_ERROR: 'EXECUTION_FAILED',
  INVALID_PATH: 'EXECUTION_FAILED',
  RESULT_TOO_LARGE: 'QUOTA_EXCEEDED',
  FILES_UNAVAILABLE: 'RESOURCE_UNAVAILABLE',
  WORKER_ENDED: 'EXECUTION_FAILED',
}

const text = { type: 'string' }
const { MISSING_REQUIRED_FIELD, INVALID_FORMAT, EXECUTION_FAILED, RESOURCE_UNAVAILABLE, QUOTA_EXCEEDED } = OLDER_ERRORS

export function olderSqlQueryBlock(parts: SqlParts): Block {
  return {
    type: 'sql.query',
    version: 1,
    pool: 'io',
    summary:
      "`sql.query` of the older C++ blocks: one statement on SQLite, in memory or on a file of the tenant's folder. Returns `{rows, row_count}`, or `{affected_rows}` where there are no rows, as texts.",
    inputSchema: {
      type: 'object',
      properties: {
        query: { ...text, description: 'One statement. Required.' },
        connection: { ...text, default: IN_MEMORY, description: "`:memory:`, or a path within the tenant's folder." },
        params: { type: ['array', 'string'], description: 'Values of the parameters `?`: a list, or its JSON text.' },
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
    },
    outputSchema: { type: 'object', properties: { rows: text, row_count: text, affected_rows: text } },
    errors: [MISSING_REQUIRED_FIELD, INVALID_FORMAT, EXECUTION_FAILED, RESOURCE_UNAVAILABLE, QUOTA_EXCEEDED],
    example: { query: 'select 1 as one' },
    run: (context, input) => {
      const { query, connection = IN_MEMORY, params, timeout_ms } = input as Input
      return inOlderCodes(OLDER_CODES, async () => {
        if (!query) throw missingField('query')
        const statement = { text: checkStatement(query, true), values: paramsOf(params), mayWrite: true }
        const file = connection.replace(/^sqlite:/, '')
        const { rows, affected } = await within(parts.tools, context.signal, timeout_ms, (signal) => {
          return runSqlite(parts.sqlite(), parts.files, context.tenant, file, statement, parts.limits, signal)
        })
        if (rows.length === 0) return { affected_rows: String(affected) }
        return { rows: JSON.stringify(rows.map(asTexts)), row_count: String(rows.length) }
      })
    },
  }
}

/** Values as texts, and columns that are NULL left out. */
function asTexts(row: Json): Json {
  const columns = Object.entries(row as { readonly [name: string]: Json })
  return Object.fromEntries(columns.filter(([, value]) => value !== null).map(([name, value]) => [name, String(value)]))
}

function paramsOf(params: Json | undefined): readonly Json[] {
  let list = params ?? []
  if (typeof list === 'string') {
    try {
      list = JSON.parse(list === '' ? '[]' : list) as Json[]
    } catch (cause) {
      throw new BlockError('INVALID_FORMAT', `params is no JSON: ${(cause as Error).message}`, { cause })
    }
  }
  if (Array.isArray(list)) return list as readonly Json[]
  throw new BlockError('INVALID_FORMAT', 'params is no list')
}
