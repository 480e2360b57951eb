import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')

function beamline(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [resolve(root, 'gateway/cli/bin.mjs'), ...args], (_error, out, err) => {
      done({ code: child.exitCode ?? -1, out, err })
    })
  })
}

describe('the beamline executable', () => {
  it('runs the program and passes its exit code on', async () => {
    const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { version: string }
    expect(await beamline('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' })
    const unreachable = await beamline('flow', 'list', '--url', 'http://127.0.0.1:3')
    expect(unreachable).toMatchObject({ code: 3, out: '', err: expect.stringMatching(/no server answers/) })
  })

  it('starts Node with the flags that are meant for the one the project brings', async () => {
    const flags = readFileSync(resolve(root, 'gateway/cli/node-flags'), 'utf8').trim().split(/\s+/)
    const told = 'data:text/javascript,console.error(process.execArgv.join(" "))'
    const env = { ...process.env, NODE_OPTIONS: `--import ${JSON.stringify(told)}` }
    const child = execFile(process.execPath, [resolve(root, 'gateway/cli/bin.mjs'), '--version'], { env })
    let err = ''
    child.stderr!.on('data', (chunk) => {
      err += chunk
    })
    await once(child, 'close')
    expect(flags).not.toEqual([''])
    expect(err.trim().split('\n')).toEqual(flags)
    const { files } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { files: string[] }
    expect(files).toContain('gateway/cli/node-flags')
  })

  it('ends without noise when nobody reads on', async () => {
    const child = spawn(process.execPath, [resolve(root, 'gateway/cli/bin.mjs'), '--help'])
    child.stdout.destroy()
    let err = ''
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    expect(await once(child, 'close')).toEqual([0, null])
    expect(err).toBe('')
  })

  it('is written so that an older Node can read it', () => {
    const source = readFileSync(resolve(root, 'gateway/cli/bin.mjs'), 'utf8')
    expect(source.startsWith('#!/usr/bin/env node\n')).toBe(true)
    expect(source).not.toMatch(/import\.meta\.(main|dirname|filename)|: string|withResolvers/)
  })
})
