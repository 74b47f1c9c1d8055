// check.mjs schema FILE...                   each document against the published schema of its kind: values, and no
//                                            field that the schema does not have
// check.mjs restricted FILE...               each pod (template) against the pod security level "restricted"
// check.mjs admit POLICY SETTINGS POD        prints the pod as the policy admits it; SETTINGS - for no ConfigMap
// check.mjs discovery                        serves, on a free port that it prints, what kubectl asks an API server for
//                                            before a client-side dry run
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import yaml from 'js-yaml'
import { admit } from './admission.mjs'
import { violations } from './restricted.mjs'

const documents = (file) => yaml.loadAll(fs.readFileSync(file, 'utf8')).filter(Boolean)
const title = (it) => `${it.kind} ${it.metadata?.name}`

function modelOf(it) {
  const library = it.apiVersion.includes('kyverno') ? '@kubernetes-models/kyverno' : 'kubernetes-models'
  return `${library}/${it.apiVersion}/${it.kind}`
}

// Values by the schema's validators; fields by its types, to which a literal may add nothing.
async function schema(files) {
  const all = files.flatMap(documents)
  let typed = ''
  for (const [i, it] of all.entries()) {
    const model = (await import(modelOf(it)))[it.kind]
    try {
      new model(it).validate()
    } catch (error) {
      throw new Error(`${title(it)}: ${error.message}`)
    }
    typed += `import type { I${it.kind} as T${i} } from '${modelOf(it)}'\nexport const d${i}: T${i} = ${JSON.stringify(it)}\n`
  }
  const file = new URL(`documents-${process.pid}.ts`, import.meta.url)
  fs.writeFileSync(file, typed)
  const compiler = new URL('node_modules/typescript/bin/tsc', import.meta.url).pathname
  const { status, stdout } = spawnSync(process.execPath,
    [compiler, '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', file.pathname],
    { encoding: 'utf8' })
  fs.rmSync(file)
  if (status) throw new Error(stdout)
  console.log(`${all.length} documents`)
}

function restricted(files) {
  const found = files.flatMap(documents).flatMap((it) => {
    const spec = it.kind === 'Pod' ? it.spec : it.spec?.template?.spec
    return spec ? violations(spec).map((what) => `${title(it)}: ${what}`) : []
  })
  if (found.length) throw new Error(found.join('\n'))
}

function admission([policyFile, settingsFile, podFile]) {
  const policy = documents(policyFile).find((it) => it.kind === 'MutatingAdmissionPolicy')
  const settings = settingsFile === '-' ? undefined : documents(settingsFile)[0]
  process.stdout.write(yaml.dump(admit(policy, settings, documents(podFile)[0]), { noRefs: true }))
}

// Which kinds there are, and their plurals: no more than an API server's /api and /apis.
function discovery() {
  const kinds = {
    v1: ['ConfigMap', 'Service', 'Pod'],
    'apps/v1': ['Deployment', 'StatefulSet', 'DaemonSet'],
    'admissionregistration.k8s.io/v1': ['MutatingAdmissionPolicy', 'MutatingAdmissionPolicyBinding'],
    'kyverno.io/v1': ['ClusterPolicy'],
  }
  const resources = (groupVersion) => kinds[groupVersion].map((kind) => ({
    name: kind.toLowerCase().replace(/y$/, 'ie') + 's',
    singularName: kind.toLowerCase(),
    namespaced: !/Policy/.test(kind),
    kind,
    verbs: ['create', 'get'],
  }))
  const groups = Object.keys(kinds).filter((name) => name.includes('/')).map((groupVersion) => {
    const version = { groupVersion, version: groupVersion.split('/')[1] }
    return { name: groupVersion.split('/')[0], versions: [version], preferredVersion: version }
  })
  const server = http.createServer((request, response) => {
    const path = new URL(request.url, 'http://here').pathname
    const groupVersion = path.replace(/^\/apis?\//, '')
    let answer
    if (path === '/api') answer = { kind: 'APIVersions', versions: ['v1'] }
    else if (path === '/apis') answer = { kind: 'APIGroupList', apiVersion: 'v1', groups }
    else if (kinds[groupVersion])
      answer = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: resources(groupVersion) }
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 }))
  })
  server.listen(0, '127.0.0.1', () => console.log(server.address().port))
}

const [command, ...rest] = process.argv.slice(2)
try {
  await { schema, restricted, admit: admission, discovery }[command](rest)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
