/** What the documents point at is there: files, npm scripts, commands with their options. */
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runBeamline } from '../gateway/cli/support.ts'
import { documents, examplePages, exists, read } from './documents.ts'

const NPM_COMMANDS = ['ci', 'install', 'pack', 'exec']

function linksOf(path: string): readonly string[] {
  const links = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)].map((found) => found[1]!)
  return links.filter((link) => !/^[a-z]+:/.test(link))
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

function anchorsOf(path: string): readonly string[] {
  return [...read(path).matchAll(/^#+ (.*)$/gm)].map((found) => anchorOf(found[1]!))
}

describe.each([...documents(), ...examplePages()])('%s', (path) => {
  it('links to what exists', () => {
    for (const link of linksOf(path)) {
      const [file, anchor] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file!))
      expect(exists(target), link).toBe(true)
      if (anchor !== undefined) expect(anchorsOf(target), link).toContain(anchor)
    }
  })

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: object }
    const named = [...read(path).matchAll(/\bnpm (?:run )?([a-z][\w:-]*)/g)].map((found) => found[1]!)
    // prose such as "the npm package" is no command
    const commands = named.filter((name) => !['package', 'packages', 'scripts', 'with'].includes(name))
    for (const name of commands) expect([...Object.keys(scripts), ...NPM_COMMANDS]).toContain(name)
  })

  it('names commands and options that exist', async () => {
    for (const line of commandsOf(path)) {
      const words = line.split(/\s+/)
      const options = words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.replace(/=.*/, ''))
      const names = words.slice(
        0,
        words.findIndex((word) => !/^[a-z]+$/.test(word)),
      )
      const help = await helpOf(names.length > 0 ? names.slice(0, 2) : words.slice(0, 2))
      for (const option of options) expect(help, line).toContain(option)
    }
  })
})

it('looks at the commands of the README', () => {
  expect(commandsOf('README.md').length).toBeGreaterThan(5)
})

/** What follows `npx beamline`, up to the end of the command. */
function commandsOf(path: string): readonly string[] {
  const commands = read(path).matchAll(/(?:npx |`)beamline ([a-z][^`|\n]*)/g)
  const lines = [...commands].map((found) => `${found[1]!.replace(/'[^']*'|\$\([^)]*\)/g, 'VALUE')} .`)
  // scripts of a checkout, which take --help themselves
  return lines.filter((line) => !/^(demo|bench|simulate) /.test(line))
}

async function helpOf(names: readonly string[]): Promise<string> {
  const { code, out: text } = await runBeamline([...withoutArguments(names), '--help'])
  expect(code, text).toBe(0)
  expect(text).toMatch(new RegExp(`^Usage: beamline ${withoutArguments(names).join(' ')} `))
  return text
}

const GROUPS = ['blocks', 'config', 'dlq', 'flow', 'op', 'run', 'tenant', 'topic', 'topics', 'worker']

/** A command's names without what it is given. */
function withoutArguments(names: readonly string[]): readonly string[] {
  return GROUPS.includes(names[0]!) ? names : names.slice(0, 1)
}
