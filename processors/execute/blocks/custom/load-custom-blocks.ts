/** Blocks from modules in a folder, see `docs/custom-blocks.md`. */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Json } from '../../../../schemas/json.ts'
import type { Block } from '../../block.ts'
import type { BlockTools } from '../tools.ts'
import { CustomPool } from './custom-pool.ts'
import { type CustomDeclaration, declarationProblem } from './declaration.ts'

export interface CustomOptions {
  readonly folder: string
  /** Of each block, at most; from 1. */
  readonly threads: number
  readonly heapMb: number
}

export interface CustomBlocks {
  readonly blocks: readonly Block[]
  close(): Promise<void>
}

const MODULE = /\.block\.m?[jt]s$/
const MAX_BLOCKS = 200
/** For a module to be loaded and to say what it is. */
const LOAD_MS = 20_000

export const NO_CUSTOM_BLOCKS: CustomBlocks = { blocks: [], close: async () => undefined }

/** @throws {TypeError} names the file and what is wrong with it */
export async function loadCustomBlocks(tools: BlockTools, options: CustomOptions): Promise<CustomBlocks> {
  const files = await modulesIn(options.folder)
  const pools: CustomPool[] = []
  const close = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.close()))
  }
  try {
    const blocks = new Map<string, { readonly block: Block; readonly file: string }>()
    for (const file of files) {
      const pool = new CustomPool({ ...options, file: resolve(options.folder, file), tools })
      pools.push(pool)
      const block = await within(tools, file, blockOf(pool))
      const other = blocks.get(block.type)
      if (other !== undefined) {
        throw new TypeError(`${file} has a block of the type '${block.type}', which ${other.file} has already`)
      }
      blocks.set(block.type, { block, file })
    }
    return { blocks: [...blocks.values()].map(({ block }) => block), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function modulesIn(folder: string): Promise<string[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TypeError(`the folder of custom blocks ${join(folder)} cannot be read: ${code}`, { cause: error })
  }
  const files = names.filter((name) => MODULE.test(name)).sort()
  if (files.length > MAX_BLOCKS) {
    throw new TypeError(`the folder of custom blocks has ${files.length} blocks; expected at most ${MAX_BLOCKS}`)
  }
  return files
}

async function within<T>(tools: BlockTools, file: string, loading: Promise<T>): Promise<T> {
  let cancel = (): void => undefined
  const tooLate = new Promise<never>((_, reject) => {
    cancel = tools.after(LOAD_MS, () => reject(new TypeError(`it was not loaded within ${LOAD_MS} ms`)))
  })
  try {
    return await Promise.race([loading, tooLate])
  } catch (error) {
    throw new TypeError(`the custom block ${file} cannot be used: ${(error as Error).message}`, { cause: error })
  } finally {
    cancel()
  }
}

async function blockOf(pool: CustomPool): Promise<Block> {
  const declaration: Json = await pool.open()
  const problem = declarationProblem(declaration)
  if (problem !== null) throw new TypeError(problem)
  const declared = declaration as unknown as CustomDeclaration
  const { version = 1, errors = [], pure = false, concurrency = 1, ...rest } = declared
  pool.concurrency = concurrency
  return {
    ...rest,
    version,
    pool: 'cpu',
    takesSecrets: true,
    errors: [
      ...errors,
      { code: 'WORKER_ENDED', class: 'transient', meaning: 'The thread ended in the call, e.g. for want of memory.' },
    ],
    ...(pure ? { pure: true as const } : {}),
    run: (context, input) => pool.call(context, input),
  }
}
