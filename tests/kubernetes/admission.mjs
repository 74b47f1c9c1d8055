// What an API server does with a MutatingAdmissionPolicy, as far as ours needs it: CEL, JSON patches, and apply
// configurations merged as Server-Side Apply merges them.
import { Environment } from '@marcbachmann/cel-js'
import jsonpatch from 'fast-json-patch'

// The keys of the lists that are merged by element (listType=map in the published schema). All others are atomic, and
// an API server refuses an apply configuration that has any.
const KEYS = { containers: 'name', env: 'name', initContainers: 'name', volumeMounts: 'mountPath', volumes: 'name' }

const environment = new Environment({ homogeneousAggregateLiterals: false, unlistedVariablesAreDyn: true })

// This CEL has no typed objects: Object.spec.volumes{name: "x"} becomes {"name": "x"}.
function untyped(expression) {
  return expression.replace(/\b(Object(\.\w+)*|JSONPatch)\{/g, '{').replace(/([{,]\s*)(\w+):(?=\s)/g, '$1"$2":')
}

function evaluate(expression, context) {
  return JSON.parse(JSON.stringify(environment.evaluate(untyped(expression), context)))
}

function merge(into, from, path) {
  for (const [field, value] of Object.entries(from)) {
    const key = KEYS[field]
    if (Array.isArray(value)) {
      if (!key) throw new Error(`may not mutate atomic arrays, maps or structs: ${path}.${field}`)
      into[field] ??= []
      for (const element of value) {
        const found = into[field].find((old) => old[key] === element[key])
        if (found) merge(found, element, `${path}.${field}`)
        else into[field].push(merge({}, element, `${path}.${field}`))
      }
    } else if (typeof value === 'object') {
      into[field] = merge(into[field] ?? {}, value, `${path}.${field}`)
    } else {
      into[field] = value
    }
  }
  return into
}

function selected(policy, pod) {
  const wanted = policy.spec.matchConstraints.objectSelector.matchLabels
  return Object.entries(wanted).every(([label, value]) => pod.metadata.labels?.[label] === value)
}

// The pod as it is admitted. settings is the ConfigMap of its namespace, or undefined.
export function admit(policy, settings, pod) {
  let object = structuredClone(pod)
  if (!settings || !selected(policy, pod)) return object
  try {
    if (!policy.spec.matchConditions.every(({ expression }) => evaluate(expression, { object }))) return object
    for (const mutation of policy.spec.mutations) {
      const context = { object, params: settings, variables: {} }
      for (const { name, expression } of policy.spec.variables)
        context.variables[name] = evaluate(expression, context)
      if (mutation.patchType === 'JSONPatch')
        object = jsonpatch.applyPatch(structuredClone(object), evaluate(mutation.jsonPatch.expression, context), true)
          .newDocument
      else
        object = merge(structuredClone(object), evaluate(mutation.applyConfiguration.expression, context), '')
    }
    return object
  } catch (error) {
    if (policy.spec.failurePolicy !== 'Ignore') throw error
    console.error(`ignored: ${error.message}`)
    return structuredClone(pod)
  }
}
