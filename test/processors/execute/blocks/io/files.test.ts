import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlockContext } from '../../../../../processors/execute/block.ts'
import { pathNames } from '../../../../../processors/execute/blocks/io/files/root.ts'
import type { TenantId } from '../../../../../schemas/ids.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { fc } from '../../../../support/fast-check.ts'
import { contextOf, openBlocks } from '../support.ts'

const folder = mkdtempSync(join(tmpdir(), 'beamline-files-'))
const outside = mkdtempSync(join(tmpdir(), 'beamline-outside-'))
const mine = join(folder, 'acme')
const set = openBlocks({ files: { folder, limitBytes: 10_000 } })

async function run(
  type: string,
  input: { readonly [name: string]: Json },
  changes: Partial<BlockContext> = {},
): Promise<Json> {
  return await set.blocks.find((block) => block.type === type)!.run(contextOf(changes), input)
}

/** Only root may, and not in every container. */
const mayMakeDevices = (() => {
  const file = join(outside, 'device')
  const made = spawnSync('mknod', [file, 'c', '1', '3']).status === 0
  rmSync(file, { force: true })
  return made
})()

const codeOf = (outcome: Promise<Json>): Promise<unknown> => outcome.catch((error: { code: string }) => error.code)

beforeAll(() => {
  mkdirSync(join(mine, 'real'), { recursive: true })
  writeFileSync(join(outside, 'secret.txt'), 'secret')
  writeFileSync(join(mine, 'real', 'a.txt'), 'inside')
  symlinkSync(outside, join(mine, 'link'))
  symlinkSync(join(outside, 'secret.txt'), join(mine, 'link.txt'))
  symlinkSync(join(mine, 'real'), join(mine, 'inner'))
  symlinkSync(join(mine, 'nowhere'), join(mine, 'dangling.txt'))
  symlinkSync('/dev/zero', join(mine, 'zero'))
  execFileSync('mkfifo', [join(mine, 'pipe')])
  writeFileSync(join(mine, 'large'), Buffer.alloc(10_001))
})
afterAll(async () => {
  await set.close()
  rmSync(folder, { recursive: true })
  rmSync(outside, { recursive: true })
})

describe('files', () => {
  test('come back as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        const text = Buffer.from(bytes).toString('base64')
        expect(await run('fs.put', { path: 'p/x', bytes: text })).toEqual({ path: 'p/x', size: bytes.length })
        expect(await run('fs.get', { path: 'p/x' })).toEqual({ path: 'p/x', bytes: text, size: bytes.length })
      }),
      { numRuns: 20 },
    )
    expect(readdirSync(join(mine, 'p'))).toEqual(['x'])
  })

  test.each<[string, Json, object]>([
    ['text', 'grün', { content: 'grün', size: 5 }],
    ['json', { a: [1] }, { content: { a: [1] }, size: 9 }],
  ])('as %s', async (as, content, expected) => {
    await run('fs.put', { path: 'forms', content })
    expect(await run('fs.get', { path: 'forms', as })).toEqual({ path: 'forms', ...expected })
  })

  test('each tenant has its own', async () => {
    await run('fs.put', { path: 'own', content: 'acme' })
    expect(await codeOf(run('fs.get', { path: 'own' }, { tenant: 'other' as TenantId }))).toBe('FILE_READ_ERROR')
  })

  test.each<[string, string, string]>([
    ['../acme/real/a.txt', 'INVALID_PATH', 'INVALID_PATH'],
    ['real/../real/a.txt', 'INVALID_PATH', 'INVALID_PATH'],
    ['/etc/passwd', 'INVALID_PATH', 'INVALID_PATH'],
    ['C:\\x', 'INVALID_PATH', 'INVALID_PATH'],
    ['a\0b', 'INVALID_PATH', 'INVALID_PATH'],
    ['x'.repeat(300), 'INVALID_PATH', 'INVALID_PATH'],
    ['é'.repeat(150), 'INVALID_PATH', 'INVALID_PATH'],
    [`${'a/'.repeat(65)}x`, 'INVALID_PATH', 'INVALID_PATH'],
    ['real/', 'INVALID_PATH', 'INVALID_PATH'],
    ['none.txt', 'FILE_READ_ERROR', ''],
    ['link/secret.txt', 'FILE_READ_ERROR', 'DIR_CREATE_ERROR'],
    ['link/new.txt', 'FILE_READ_ERROR', 'DIR_CREATE_ERROR'],
    ['inner/a.txt', 'FILE_READ_ERROR', 'DIR_CREATE_ERROR'],
    ['link.txt', 'FILE_READ_ERROR', 'FILE_WRITE_ERROR'],
    ['dangling.txt', 'FILE_READ_ERROR', 'FILE_WRITE_ERROR'],
    ['real', 'FILE_READ_ERROR', 'FILE_WRITE_ERROR'],
    ['real/a.txt/b', 'FILE_READ_ERROR', 'DIR_CREATE_ERROR'],
    ['pipe', 'FILE_READ_ERROR', 'FILE_WRITE_ERROR'],
    ['zero', 'FILE_READ_ERROR', 'FILE_WRITE_ERROR'],
    ['large', 'FILE_TOO_LARGE', ''],
  ])('%j: %s, written: %s', async (path, got, put) => {
    expect(await codeOf(run('fs.get', { path }))).toBe(got)
    expect(await codeOf(run('fs_blob_get', { path }))).toBe(got)
    if (put === '') return
    expect(await codeOf(run('fs.put', { path, content: 'x' }))).toBe(put)
    expect(readdirSync(outside)).toEqual(['secret.txt'])
    expect(readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe('secret')
  })

  test('a tenant whose own folder is a link has no files', async () => {
    symlinkSync(outside, join(folder, 'linked'))
    const linked = { tenant: 'linked' as TenantId }
    expect(await codeOf(run('fs.get', { path: 'secret.txt' }, linked))).toBe('FILE_READ_ERROR')
    expect(await codeOf(run('fs.put', { path: 'new.txt', content: 'x' }, linked))).toBe('DIR_CREATE_ERROR')
    expect(readdirSync(outside)).toEqual(['secret.txt'])
  })

  test.skipIf(!mayMakeDevices)('a device is neither read nor written', async () => {
    execFileSync('mknod', [join(mine, 'device'), 'c', '1', '5'])
    expect(await codeOf(run('fs.get', { path: 'device' }))).toBe('FILE_READ_ERROR')
    expect(await codeOf(run('fs.put', { path: 'device', content: 'x' }))).toBe('FILE_WRITE_ERROR')
    rmSync(join(mine, 'device'))
  })

  test('whatever names a path has, they are plain ones', () => {
    const parts = fc.array(fc.constantFrom('a', '..', '.', '', 'b c', '\0', '...', '..x'), { maxLength: 8 })
    fc.assert(
      fc.property(parts, (names) => {
        try {
          const found = pathNames(names.join('/'))
          expect(found.every((name) => !['', '.', '..'].includes(name) && !/[/\0]/.test(name))).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'INVALID_PATH' })
        }
      }),
    )
  })

  test('a folder that is swapped for a link all the time leads nowhere', async () => {
    mkdirSync(join(mine, 'swap'))
    writeFileSync(join(mine, 'swap', 'secret.txt'), 'harmless')
    symlinkSync(outside, join(mine, 'swap-link'))
    let on = true
    const move = (from: string, to: string): void => {
      for (;;) {
        try {
          renameSync(join(mine, from), join(mine, to))
          return
        } catch (error) {
          // a step that writes makes the folder when it is missing for a moment
          expect(error).toMatchObject({ code: expect.stringMatching(/^(EISDIR|ENOTEMPTY|EEXIST|ENOTDIR)$/) })
          rmSync(join(mine, to), { recursive: true, force: true })
        }
      }
    }
    const swapping = (async () => {
      while (on) {
        move('swap', 'swap-real')
        move('swap-link', 'swap')
        await new Promise((resolve) => setImmediate(resolve))
        move('swap', 'swap-link')
        move('swap-real', 'swap')
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    const outcomes = new Set<unknown>()
    for (let i = 0; i < 300; i++) {
      const read = run('fs.get', { path: 'swap/secret.txt', as: 'text' })
      outcomes.add(
        await read.then(
          (output) => (output as { content: Json }).content,
          (error: { code: string }) => error.code,
        ),
      )
      await codeOf(run('fs.put', { path: 'swap/new.txt', content: 'x' }))
    }
    on = false
    await swapping
    expect(outcomes).toContain('harmless')
    expect([...outcomes].filter((outcome) => outcome !== 'harmless' && outcome !== 'FILE_READ_ERROR')).toEqual([])
    expect(readdirSync(outside)).toEqual(['secret.txt'])
  })

  test('a file that is there is replaced only with leave', async () => {
    await run('fs.put', { path: 'once', content: '1' })
    expect(await codeOf(run('fs.put', { path: 'once', content: '2', overwrite: false }))).toBe('FILE_EXISTS')
    await run('fs.put', { path: 'once', content: '3' })
    expect(readFileSync(join(mine, 'once'), 'utf8')).toBe('3')
    await run('fs.put', { path: 'fresh', content: '1', overwrite: false })
    expect(readdirSync(mine).filter((name) => name.startsWith('.beamline'))).toEqual([])
  })

  test('what a crashed execution left is in nobody’s way', async () => {
    const block = set.blocks.find(({ type }) => type === 'fs.put')!
    const aborted = new AbortController()
    const running = Promise.resolve(
      block.run(contextOf({ signal: aborted.signal }), { path: 'left', content: 'x'.repeat(9_000) }),
    )
    aborted.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    expect(await run('fs.put', { path: 'left', content: 'y' })).toEqual({ path: 'left', size: 1 })
    expect(readFileSync(join(mine, 'left'), 'utf8')).toBe('y')
  })

  test('another name of a file is replaced, not written through', async () => {
    writeFileSync(join(outside, 'hard'), 'theirs')
    linkSync(join(outside, 'hard'), join(mine, 'hard'))
    await run('fs.put', { path: 'hard', content: 'mine' })
    expect(readFileSync(join(outside, 'hard'), 'utf8')).toBe('theirs')
    rmSync(join(outside, 'hard'))
  })

  test('without a folder there are no files', async () => {
    const none = openBlocks({})
    for (const type of ['fs.get', 'fs_blob_put']) {
      const block = none.blocks.find((one) => one.type === type)!
      await expect(
        block.run(contextOf(), { path: 'x', ...(type === 'fs.get' ? {} : { content: 'x' }) }),
      ).rejects.toMatchObject({
        code: 'FILES_UNAVAILABLE',
      })
    }
    expect(existsSync('acme')).toBe(false)
  })
})
