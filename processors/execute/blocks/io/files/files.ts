/** Files of a tenant: `fs_blob_get`, `fs_blob_put` as the older worker had them, and the same as `fs.get` and `fs.put`. */
import type { Json } from '../../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../../tools.ts'
import { readTenantFile } from './read-file.ts'
import { DEFAULT_FILE_LIMIT, type FileSettings, reasonOf } from './root.ts'
import { FolderError, writeTenantFile } from './write-file.ts'

interface GetInput {
  readonly path?: string
  readonly as?: 'bytes' | 'text' | 'json'
  readonly timeout_ms?: number
}

interface PutInput {
  readonly path?: string
  readonly bytes?: string
  readonly content?: Json
  readonly overwrite?: boolean
  readonly timeout_ms?: number
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const pathSchema = { type: 'string', description: "Path within the tenant's folder." }
const commonErrors: readonly BlockErrorDef[] = [
  { code: 'MISSING_PATH', class: 'permanent', meaning: 'The input has no `path`.' },
  {
    code: 'INVALID_PATH',
    class: 'permanent',
    meaning: 'The path is absolute, has `..` or NUL, or a name that is too long.',
  },
  { code: 'FILE_TOO_LARGE', class: 'permanent', meaning: 'The file is larger than the limit.' },
  { code: 'FILES_UNAVAILABLE', class: 'permanent', meaning: 'This executor has no folder for files.' },
]

export function fileBlocks(tools: BlockTools, settings: FileSettings = {}): readonly Block[] {
  return [
    getBlock('fs.get', tools, settings),
    putBlock('fs.put', tools, settings),
    getBlock('fs_blob_get', tools, settings),
    putBlock('fs_blob_put', tools, settings),
  ]
}

function getBlock(type: string, tools: BlockTools, settings: FileSettings): Block {
  return {
    type,
    version: 1,
    pool: 'io',
    summary:
      "Reads a file of the tenant's folder and returns `{path, bytes, size}`, the bytes in base64. Follows no links.",
    inputSchema: {
      type: 'object',
      properties: {
        path: pathSchema,
        as: {
          enum: ['bytes', 'text', 'json'],
          default: 'bytes',
          description: 'Form of the content; the others come as `content`.',
        },
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      required: ['path', 'size'],
      properties: {
        path: { type: 'string', description: 'As it was given.' },
        bytes: { type: 'string', description: 'The content in base64.' },
        content: { description: 'The content as text or JSON, where `as` asks for it.' },
        size: { type: 'integer', description: 'Bytes.' },
      },
    },
    errors: [
      ...commonErrors,
      { code: 'FILE_READ_ERROR', class: 'permanent', meaning: 'There is no such file, or it cannot be read.' },
      { code: 'FILE_NOT_JSON', class: 'permanent', meaning: 'The content is not the JSON that `as` asks for.' },
    ],
    example: { path: 'reports/today.csv' },
    run: (context, input) => {
      const { as = 'bytes', timeout_ms, ...rest } = input as GetInput
      const path = pathOf(rest.path)
      return within(tools, context.signal, timeout_ms, async (signal) => {
        const content = await read(settings, context, path, signal)
        return { path, ...contentAs(content, as), size: content.length }
      })
    },
  }
}

function putBlock(type: string, tools: BlockTools, settings: FileSettings): Block {
  return {
    type,
    version: 1,
    pool: 'io',
    summary:
      "Writes a file of the tenant's folder, at once or not at all, and returns `{path, size}`. Missing folders are made.",
    inputSchema: {
      type: 'object',
      properties: {
        path: pathSchema,
        bytes: { type: 'string', description: 'The content in base64.' },
        content: { description: 'The content as text, or anything else to be written as JSON; instead of `bytes`.' },
        overwrite: { type: 'boolean', default: true, description: 'Whether a file of that name is replaced.' },
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
      additionalProperties: false,
    },
    outputSchema: {
      type: 'object',
      required: ['path', 'size'],
      properties: {
        path: { type: 'string', description: 'As it was given.' },
        size: { type: 'integer', description: 'Bytes.' },
      },
    },
    errors: [
      ...commonErrors,
      { code: 'BASE64_DECODE_ERROR', class: 'permanent', meaning: '`bytes` is no base64.' },
      { code: 'MISSING_CONTENT', class: 'permanent', meaning: 'The input has neither `bytes` nor `content`.' },
      { code: 'DIR_CREATE_ERROR', class: 'permanent', meaning: 'A folder of the path cannot be made or opened.' },
      { code: 'FILE_EXISTS', class: 'permanent', meaning: 'The file is there already and `overwrite` is false.' },
      { code: 'FILE_WRITE_ERROR', class: 'recoverable', meaning: 'The file cannot be written.' },
    ],
    example: { path: 'reports/today.csv', content: 'id,total\na-1,12\n' },
    run: (context, input) => {
      const { overwrite = true, timeout_ms, ...given } = input as PutInput
      const path = pathOf(given.path)
      const content = contentOf(given)
      return within(tools, context.signal, timeout_ms, async (signal) => {
        await write(settings, context, path, content, overwrite, signal)
        return { path, size: content.length }
      })
    },
  }
}

/** Reads a file of the step's tenant, in the codes of the blocks. */
export async function read(
  settings: FileSettings,
  context: BlockContext,
  path: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const limit = settings.limitBytes ?? DEFAULT_FILE_LIMIT
  try {
    return (await readTenantFile(folderOf(settings), context.tenant, path, limit, signal)).content
  } catch (error) {
    throw ownError(error, signal, 'FILE_READ_ERROR', `the file '${path.slice(0, 200)}' cannot be read`)
  }
}

/** Writes a file of the step's tenant, in the codes of the blocks. */
export async function write(
  settings: FileSettings,
  context: BlockContext,
  path: string,
  content: Uint8Array,
  overwrite: boolean,
  signal: AbortSignal,
): Promise<void> {
  const limit = settings.limitBytes ?? DEFAULT_FILE_LIMIT
  const request = { path, content, overwrite, key: context.key }
  try {
    await writeTenantFile(folderOf(settings), context.tenant, request, limit, signal)
  } catch (error) {
    const code = error instanceof FolderError ? 'DIR_CREATE_ERROR' : 'FILE_WRITE_ERROR'
    throw ownError(error, signal, code, `the file '${path.slice(0, 200)}' cannot be written`)
  }
}

function folderOf({ folder }: FileSettings): string {
  if (folder != null) return folder
  throw new BlockError('FILES_UNAVAILABLE', 'this executor has no folder for files')
}

function ownError(error: unknown, signal: AbortSignal, code: string, what: string): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof BlockError) return error
  const inner = error instanceof FolderError ? error.cause : error
  return new BlockError(code, `${what}: ${reasonOf(inner)}`, { cause: error })
}

function pathOf(path: string | undefined): string {
  if (path === undefined || path === '') throw new BlockError('MISSING_PATH', "the step's input has no 'path'")
  return path
}

function contentAs(content: Buffer, as: 'bytes' | 'text' | 'json'): { readonly [name: string]: Json } {
  if (as === 'bytes') return { bytes: content.toString('base64') }
  if (as === 'text') return { content: content.toString('utf8') }
  try {
    return { content: JSON.parse(content.toString('utf8')) as Json }
  } catch (cause) {
    throw new BlockError('FILE_NOT_JSON', `the file is not JSON: ${(cause as Error).message}`, { cause })
  }
}

function contentOf({ bytes, content }: PutInput): Buffer {
  if (bytes !== undefined) {
    if (!BASE64.test(bytes)) throw new BlockError('BASE64_DECODE_ERROR', "'bytes' is no base64")
    return Buffer.from(bytes, 'base64')
  }
  if (content == null) {
    throw new BlockError('MISSING_CONTENT', "the step's input has neither 'bytes' (base64) nor 'content' (text)")
  }
  return Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
}
