import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineProblems, mostLines } from './lines.ts'
import { wordProblems } from './words.ts'

const machine = { folders: ['/srv/checkout'], hosts: ['packages-of-ours.example'] }
const words = (text: string, path = 'docs/x.md'): readonly string[] => wordProblems([{ path, text }], machine)

test('a file over the limit has to say why', () => {
  const long = 'x\n'.repeat(mostLines + 1)
  assert.deepEqual(lineProblems([{ path: 'a.ts', text: 'x\n'.repeat(mostLines) }]), [])
  assert.equal(lineProblems([{ path: 'a.ts', text: long }]).length, 1)
  assert.deepEqual(lineProblems([{ path: 'a.ts', text: `// over 400 lines: one table\n${long}` }]), [])
  assert.equal(lineProblems([{ path: 'a.ts', text: `// over 400 lines:\n${long}` }]).length, 1)
  assert.deepEqual(lineProblems([{ path: 'a.md', text: long }]), [])
})

test('folders and hosts of a machine are found with their line', () => {
  const registry = ['registry', 'npmjs', 'org'].join('.')
  assert.deepEqual(words('one\nsee /srv/checkout/file'), ['docs/x.md:2 names the folder /srv/checkout'])
  assert.deepEqual(words('in "/srv/checkout"'), ['docs/x.md:1 names the folder /srv/checkout'])
  assert.deepEqual(words(`https://${registry}/left-pad`), ['docs/x.md:1 names the host of a registry or archive'])
  assert.deepEqual(words('http://packages-of-ours.example/debian'), ['docs/x.md:1 names the host packages-of-ours.example'])
})

test('ordinary text is left alone', () => {
  for (const text of [
    "import { openHome } from '../home/home.ts'",
    '~/.larder',
    'http://archive.example/debian',
    'src/home/files',
  ])
    assert.deepEqual(words(text), [], text)
})

test('a lock file may not say where packages came from, links within the repository may stand', () => {
  const lock = (resolved: string): readonly string[] => words(`{"resolved": "${resolved}"}`, 'package-lock.json')
  assert.equal(lock('https://packages.example/x.tgz').length, 1)
  assert.deepEqual(lock('packages/service'), [])
})
