/** The connections that steps name: how they are given, checked and shown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, type ConfigSources, loadConfig } from '../../../gateway/config/load-config.ts'
import { configText } from '../../../gateway/config/show-config.ts'
import { configure } from '../../../wiring/configure.ts'

const load = (sources: Partial<ConfigSources>) => loadConfig({ file: null, variables: {}, flags: [], ...sources })
const ofVariable = (text: string) => load({ variables: { BEAMLINE_CONNECTIONS: text } })
const ofFile = (text: string) => load({ file: { name: 'beamline.yaml', text } })

function problemOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error('nothing was wrong')
}

const SMTP = { kind: 'smtp', url: 'smtp://ada:hush@mail.example:25', from: 'ada@example.org' }

describe('connections', () => {
  it('come from the configuration file', () => {
    const loaded = ofFile(
      'connections:\n  warehouse: { kind: postgres, url: "secret://db", readOnly: true, tenants: [acme] }\nfiles: /srv/files\n',
    )
    expect(configure(loaded.config, {}).blocks).toMatchObject({
      connections: { warehouse: { kind: 'postgres', url: 'secret://db', readOnly: true, tenants: ['acme'] } },
      files: { folder: '/srv/files' },
    })
    expect(configText(loaded)).toMatch(/connections +warehouse \(postgres\) +beamline\.yaml:1/)
  })

  it('come from the environment, where passwords may stand, and are not shown', () => {
    const loaded = ofVariable(JSON.stringify({ smtp: SMTP }))
    expect(configure(loaded.config, {}).blocks?.connections).toEqual({ smtp: SMTP })
    expect(configText(loaded)).not.toContain('hush')
  })

  it('come from a JSON file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'connections-'))
    const path = join(folder, 'connections.json')
    try {
      writeFileSync(path, JSON.stringify({ smtp: SMTP }))
      const { config } = ofVariable(`@${path}`)
      expect(configure(config, {}).blocks?.connections).toEqual({ smtp: SMTP })
      writeFileSync(path, '{"smtp":{"kind":"smtp","url":"hush"}}')
      expect(() => configure(config, {})).toThrow(
        'connections: expected in the file connections by name, each with kind',
      )
      expect(() => configure(ofVariable(`@${path}x`).config, {})).toThrow('cannot be read: ENOENT')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('are none without the setting', () => {
    expect(configure(load({}).config, {}).blocks?.connections).toEqual({})
  })
})

describe('what is wrong with them is said without what may be secret', () => {
  it.each([
    [{ mail: { kind: 'smpt', url: 'smtp://hush' } }, `'mail' has the kind "smpt"; expected one of`],
    [{ mail: { kind: 'smtp' } }, "'mail' has no 'url'; expected an address such as smtp://host, or secret://NAME"],
    [{ mail: { kind: 'smtp', url: 'http://hush' } }, "'mail' has another 'url' than expected"],
    [
      { mail: { kind: 'smtp', url: 'smtp://x', to: 'hush' } },
      "'mail' has the field 'to'; expected kind, url, from, tenants",
    ],
    [
      { mail: { kind: 'smtp', url: 'smtp://x', tenants: 'hush' } },
      "'mail' has another 'tenants' than expected: a list of tenants",
    ],
    [{ gpt: { kind: 'llm', url: 'https://x', usdPerMillion: { input: 'hush' } } }, "another 'usdPerMillion'"],
    [{ 'no name': SMTP }, "'no name' has that name"],
    [{ mail: 'smtp://hush' }, "'mail' is none; expected {kind, url, ...}"],
    [['hush'], 'expected connections by name'],
  ])('%j', (connections, message) => {
    for (const work of [() => ofVariable(JSON.stringify(connections)), () => ofFile(JSON.stringify({ connections }))]) {
      const problem = problemOf(work)
      expect(problem).toContain(message)
      expect(problem).not.toContain('hush')
    }
  })

  it.each([
    [{ mail: SMTP }, "'mail' has a 'url' with a password that is written out"],
    [{ gpt: { kind: 'llm', url: 'https://x/v1', key: 'hush' } }, "'gpt' has a 'key' that is written out"],
  ])('%j in a file', (connections, message) => {
    const problem = problemOf(() => ofFile(JSON.stringify({ connections })))
    expect(problem).toContain(message)
    expect(problem).not.toContain('hush')
  })

  it('text that is no JSON', () => {
    expect(problemOf(() => ofVariable('{"password":"hush"'))).not.toContain('hush')
  })
})
