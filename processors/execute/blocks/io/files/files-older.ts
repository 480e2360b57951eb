/** `fs.blob_get` and `fs.blob_put` of the older C++ blocks: texts in, texts out. */
import type { Json } from '../../../../../schemas/json.ts'
import type { Block } from '../../../block.ts'
import { BlockError } from '../../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import { inOlderCodes, missingField, OLDER_ERRORS } from '../older-codes.ts'
import { write } from './files.ts'
import { readTenantFile } from './read-file.ts'
import { DEFAULT_FILE_LIMIT, type FileSettings, reasonOf } from './root.ts'

interface Input {
  readonly path?: string
  readonly content?: Json
  readonly overwrite?: boolean | string
  readonly timeout_ms?: number
}

const OLDER_CODES = {
  INVALID_PATH: 'EXECUTION_FAILED',
  FILE_TOO_LARGE: 'QUOTA_EXCEEDED',
  FILES_UNAVAILABLE: 'RESOURCE_UNAVAILABLE',
  FILE_EXISTS: 'EXECUTION_FAILED',
  DIR_CREATE_ERROR: 'EXECUTION_FAILED',
  FILE_WRITE_ERROR: 'EXECUTION_FAILED',
  FILE_READ_ERROR: 'EXECUTION_FAILED',
}

const text = { type: 'string' }
const { MISSING_REQUIRED_FIELD, EXECUTION_FAILED, RESOURCE_UNAVAILABLE, QUOTA_EXCEEDED } = OLDER_ERRORS
const errors = [MISSING_REQUIRED_FIELD, EXECUTION_FAILED, RESOURCE_UNAVAILABLE, QUOTA_EXCEEDED]

export function olderFileBlocks(tools: BlockTools, settings: FileSettings = {}): readonly Block[] {
  return [getBlock(tools, settings), putBlock(tools, settings)]
}

function getBlock(tools: BlockTools, settings: FileSettings): Block {
  return {
    type: 'fs.blob_get',
    version: 1,
    pool: 'io',
    summary: '`fs.blob_get` of the older C++ blocks: returns `{path, content, size, modified}` as texts.',
    inputSchema: {
      type: 'object',
      properties: { path: { ...text, description: 'Required.' }, timeout_ms: TIMEOUT_MS_SCHEMA },
    },
    outputSchema: { type: 'object', properties: { path: text, content: text, size: text, modified: text } },
    errors,
    example: { path: 'reports/today.csv' },
    run: (context, input) => {
      const { path, timeout_ms } = input as Input
      return inOlderCodes(OLDER_CODES, async () => {
        if (!path) throw missingField('path')
        const read = (signal: AbortSignal) => readOlder(settings, context.tenant, path, signal)
        const { content, modifiedMs } = await within(tools, context.signal, timeout_ms, read)
        // nanoseconds, as the older clock counted
        const modified = String(BigInt(Math.floor(modifiedMs)) * 1_000_000n)
        return { path, content: content.toString('utf8'), size: String(content.length), modified }
      })
    },
  }
}

async function readOlder(settings: FileSettings, tenant: string, path: string, signal: AbortSignal) {
  if (settings.folder == null) throw new BlockError('RESOURCE_UNAVAILABLE', 'this executor has no folder for files')
  try {
    return await readTenantFile(settings.folder, tenant, path, settings.limitBytes ?? DEFAULT_FILE_LIMIT, signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof BlockError) throw error
    const code = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'RESOURCE_UNAVAILABLE' : 'EXECUTION_FAILED'
    throw new BlockError(code, `File read error: ${reasonOf(error)}`, { cause: error })
  }
}

function putBlock(tools: BlockTools, settings: FileSettings): Block {
  return {
    type: 'fs.blob_put',
    version: 1,
    pool: 'io',
    summary:
      '`fs.blob_put` of the older C++ blocks: returns `{path, size, created}` as texts. Replaces a file only with `overwrite`.',
    inputSchema: {
      type: 'object',
      properties: {
        path: { ...text, description: 'Required.' },
        content: {
          type: ['string', 'number', 'boolean', 'object', 'array'],
          description: 'Required; what is no text is written as JSON.',
        },
        overwrite: {
          enum: [true, false, 'true', 'false'],
          default: false,
          description: 'Whether a file of that name is replaced.',
        },
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
    },
    outputSchema: { type: 'object', properties: { path: text, size: text, created: text } },
    errors,
    example: { path: 'reports/today.csv', content: 'id,total\na-1,12\n', overwrite: 'true' },
    run: (context, input) => {
      const { path, content, overwrite, timeout_ms } = input as Input
      return inOlderCodes(OLDER_CODES, async () => {
        if (!path || content === undefined) throw missingField('path, content')
        const bytes = Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
        const replaces = overwrite === true || overwrite === 'true'
        await within(tools, context.signal, timeout_ms, (signal) =>
          write(settings, context, path, bytes, replaces, signal),
        )
        return { path, size: String(bytes.length), created: String(BigInt(tools.now()) * 1_000_000n) }
      })
    },
  }
}
