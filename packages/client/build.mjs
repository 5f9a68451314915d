// Compiles the library twice: ES modules in dist, and CommonJS in dist/commonjs for what cannot load ES modules by `require`, as Jest.
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

const compile = (configuration) => {
  const { status } = spawnSync(process.execPath, [compiler, '-p', join(folder, configuration)], { stdio: ['ignore', 2, 2] })
  if (status !== 0) process.exit(status ?? 1)
}

rmSync(join(folder, 'dist'), { recursive: true, force: true })
compile('tsconfig.build.json')
compile('tsconfig.commonjs.json')
writeFileSync(join(folder, 'dist', 'commonjs', 'package.json'), '{ "type": "commonjs" }\n')
