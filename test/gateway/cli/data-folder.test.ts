import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { prepareDataFolder, requireDataFolder } from '../../../gateway/cli/data-folder.ts'

const parent = mkdtempSync(join(tmpdir(), 'beamline-folder-'))
const file = join(parent, 'file')
writeFileSync(file, '')
afterAll(() => rmSync(parent, { recursive: true, force: true }))

describe('a data folder', () => {
  it('is created with those above it, and may be there', () => {
    const folder = join(parent, 'a', 'b', 'c')
    prepareDataFolder(folder)
    prepareDataFolder(folder)
    prepareDataFolder(join(folder, 'd'))
    expect(existsSync(join(folder, 'd'))).toBe(true)
  })

  it.each([file, join(file, 'below'), join(file, 'far', 'below')])('%s is refused', (folder) => {
    expect(() => prepareDataFolder(folder)).toThrow(/is a file or lies in one; expected a folder/)
  })

  it.runIf(existsSync('/proc/self'))('is refused where no folder can be made, without a hang', () => {
    expect(() => prepareDataFolder('/proc/beamline')).toThrow(/the data folder \/proc\/beamline cannot be created/)
  })

  it.each([
    ['EACCES', 'permission denied'],
    ['EROFS', 'the file system is read-only'],
  ])('that is there and cannot be written to is refused: %s', (code, reason) => {
    const asked: string[] = []
    const access = (path: string): never => {
      asked.push(path)
      throw Object.assign(new Error(code), { code })
    }
    expect(() => prepareDataFolder(parent, access)).toThrow(`the data folder ${parent} cannot be written to: ${reason}`)
    expect(asked).toEqual([parent])
  })

  it('holds a log, if one is to be read', () => {
    expect(() => requireDataFolder(parent, 'log.db')).toThrow(/there is no Beamline log in .*; expected .*log\.db/)
    expect(() => requireDataFolder(join(parent, 'none'), 'log.db')).toThrow(/there is no folder .*none/)
    expect(existsSync(join(parent, 'none'))).toBe(false)
    expect(() => requireDataFolder(parent, 'file')).not.toThrow()
  })
})
