# The manifests of scripts/kubernetes: what they become, and whether a cluster would take them. There is no API server
# here: kubectl and the published schemas are the real ones, what a MutatingAdmissionPolicy does is in admission.mjs.
load ../lab/lab

bats_require_minimum_version 1.5.0

MANIFESTS=$LAB_ROOT/scripts/kubernetes
PODS=$LAB_ROOT/tests/kubernetes/pods
TOOLS=$LAB_BUILD/kubernetes

setup() {
	WORK=$BATS_TEST_TMPDIR
	cd "$WORK"
}

check() {
	node "$TOOLS/check.mjs" "$@"
}

admitted() {
	check admit "$MANIFESTS/cluster/mutating-admission-policy.yaml" "${2-$MANIFESTS/cluster/settings.yaml}" "$PODS/$1.yaml"
}

# field FILE EXPRESSION: of its only document, in JavaScript
field() {
	(cd "$TOOLS" && node --input-type=module -e '
		import fs from "node:fs"
		import yaml from "js-yaml"
		const all = yaml.loadAll(fs.readFileSync(process.argv[1], "utf8"))
		const it = all[0], workload = all.find((one) => one.spec?.template)
		const containers = (workload?.spec.template ?? it).spec.containers
		const env = (container, name) => container.env?.find((one) => one.name === name)
		console.log(String(eval(process.argv[2])))' "$(realpath "$OLDPWD/$1")" "$2")
}

# client COMPONENT: a kustomization of one Deployment, StatefulSet and DaemonSet with that component
client() {
	cp -r "$MANIFESTS/library" "$MANIFESTS/$1" .
	cat >kustomization.yaml <<-END
		resources: [client.yaml]
		components: [$1]
		configMapGenerator: [{name: lbdns, literals: [LBDNS_NAMES=rng-headless]}]
		images: [{name: lbdns, newName: registry.example/lbdns, newTag: 0.1.0}]
	END
	local kind
	for kind in Deployment StatefulSet DaemonSet; do
		cat <<-END
			---
			apiVersion: apps/v1
			kind: $kind
			metadata: {name: client}
			spec:
			  $([ $kind != StatefulSet ] || echo 'serviceName: client')
			  selector: {matchLabels: {app: client}}
			  template:
			    metadata: {labels: {app: client}}
			    spec:
			      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
			      containers:
			        - name: plain
			          image: client
			          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
			        - name: preloads
			          image: client
			          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
			          env: [{name: LD_PRELOAD, value: /usr/lib/libjemalloc.so.2}]
			          volumeMounts: [{name: data, mountPath: /data}]
			      volumes: [{name: data, emptyDir: {}}]
		END
	done >client.yaml
	"$TOOLS/kubectl" kustomize . >built.yaml
}

dry_run() {
	node "$TOOLS/check.mjs" discovery >port 2>discovery.err 3>&- &
	echo $! >discovery.pid
	lab_wait_until test -s port
	"$TOOLS/kubectl" --server "http://127.0.0.1:$(<port)" --cache-dir "$WORK/cache" \
		create --dry-run=client --validate=false -f "$1"
}

teardown() {
	[ ! -e "$WORK/discovery.pid" ] || kill "$(<"$WORK/discovery.pid")"
}

@test "the rng example is what the published schemas and the pod security level restricted want" {
	"$TOOLS/kubectl" kustomize "$MANIFESTS/rng" >rng.yaml
	run -0 check schema rng.yaml
	[ "$output" = '6 documents' ]
	check restricted rng.yaml
	run -0 dry_run rng.yaml
	[ "$(grep -c 'created (dry run)$' <<<"$output")" = 6 ]
}

@test "the client of the rng example connects to the port of the pods, before and after" {
	"$TOOLS/kubectl" kustomize "$MANIFESTS/rng" >rng.yaml
	[ "$(grep -c 'http://rng-headless:8081/' rng.yaml)" = 2 ]
	[ "$(grep -c 'value: :/lbdns/liblbdns.so' rng.yaml)" = 1 ]
}

@test "the component gives every container of a Deployment, StatefulSet or DaemonSet the library" {
	client component
	run -0 check schema built.yaml
	[ "$output" = '4 documents' ]
	check restricted built.yaml
	[ "$(grep -c 'value: :/lbdns/liblbdns.so$' built.yaml)" = 3 ]
	[ "$(grep -c 'value: /usr/lib/libjemalloc.so.2:/lbdns/liblbdns.so$' built.yaml)" = 3 ]
	[ "$(grep -A1 'name: LBDNS_NAMES$' built.yaml | grep -c 'value: rng-headless$')" = 6 ]
	[ "$(grep -c 'mountPath: /lbdns$' built.yaml)" = 9 ]
	[ "$(grep -c 'image: registry.example/lbdns:0.1.0$' built.yaml)" = 3 ]
	[ "$(field built.yaml 'containers[1].volumeMounts.map((one) => one.mountPath)')" = /data,/lbdns ]
}

@test "the component for images with an LD_PRELOAD of their own leaves it as it is" {
	client component-ld-so-preload
	run -0 check schema built.yaml
	[ "$output" = '4 documents' ]
	check restricted built.yaml
	run ! grep -q 'value:.*liblbdns' built.yaml
	[ "$(grep -c 'value: /usr/lib/libjemalloc.so.2$' built.yaml)" = 3 ]
	[ "$(grep -c 'subPath: ld.so.preload$' built.yaml)" = 6 ]
	[ "$(field built.yaml 'it.data["ld.so.preload"]')" = /lbdns/liblbdns.so ]
	[ "$(field built.yaml 'workload.spec.template.spec.volumes.find((one) => one.configMap).configMap.name === it.metadata.name')" = true ]
}

@test "the policies are what the published schemas want" {
	"$TOOLS/kubectl" kustomize "$MANIFESTS/cluster" >policy.yaml
	run -0 check schema policy.yaml "$MANIFESTS/cluster/settings.yaml" "$MANIFESTS/kyverno/lbdns.yaml"
	[ "$output" = '4 documents' ]
	cat "$MANIFESTS/cluster/settings.yaml" >>policy.yaml
	run -0 "$TOOLS/kubectl" kustomize "$MANIFESTS/cluster-v1beta1"
	[ "$(grep -c '^apiVersion: admissionregistration.k8s.io/v1beta1$' <<<"$output")" = 2 ]
	[ "$(sed 's/v1beta1$/v1/' <<<"$output")" = "$("$TOOLS/kubectl" kustomize "$MANIFESTS/cluster")" ]
}

@test "a wrong field, a wrong value and a container that is not restricted would be found" {
	"$TOOLS/kubectl" kustomize "$MANIFESTS/cluster" >policy.yaml
	sed 's/failurePolicy:/failurPolicy:/' policy.yaml >field.yaml
	run -1 check schema field.yaml
	[[ $output == *failurPolicy* ]]
	sed 's/failurePolicy: Ignore/failurePolicy: Never/' policy.yaml >value.yaml
	run -1 check schema value.yaml
	sed '/allowPrivilegeEscalation/d' "$PODS/plain.yaml" >loose.yaml
	run -1 check restricted loose.yaml
}

@test "the policy gives a labelled pod the library, and it stays restricted" {
	admitted plain >pod.yaml
	check schema pod.yaml
	check restricted pod.yaml
	[ "$(field pod.yaml 'env(containers[0], "LD_PRELOAD").value')" = /lbdns/liblbdns.so ]
	[ "$(field pod.yaml 'env(containers[0], "LBDNS_NAMES").value')" = rng-headless ]
	[ "$(field pod.yaml 'it.spec.initContainers[0].image')" = registry.example/lbdns:0.1.0 ]
}

@test "the policy keeps what a container has: an LD_PRELOAD, settings of its own, other init containers" {
	admitted rich >pod.yaml
	check schema pod.yaml
	[ "$(field pod.yaml 'env(containers[0], "LD_PRELOAD").value')" = /usr/lib/libjemalloc.so.2:/lbdns/liblbdns.so ]
	[ "$(field pod.yaml 'env(containers[0], "LBDNS_MODE").value')" = on ]
	[ "$(field pod.yaml 'env(containers[1], "LD_PRELOAD").valueFrom.configMapKeyRef.name')" = preloads ]
	[ "$(field pod.yaml 'env(containers[1], "LD_PRELOAD").value')" = undefined ]
	[ "$(field pod.yaml 'env(containers[2], "LD_PRELOAD").value')" = /lbdns/liblbdns.so ]
	[ "$(field pod.yaml 'it.spec.initContainers.map((one) => one.name)')" = lbdns,migrate ]
	[ "$(field pod.yaml 'it.spec.volumes.map((one) => one.name)')" = data,lbdns ]
}

@test "the policy leaves alone: no label, no ConfigMap, done already, what it cannot evaluate" {
	sed '/labels:/d' "$PODS/plain.yaml" >unlabelled.yaml
	local policy=$MANIFESTS/cluster/mutating-admission-policy.yaml settings=$MANIFESTS/cluster/settings.yaml
	run -0 check admit "$policy" "$settings" unlabelled.yaml
	[[ $output != *LD_PRELOAD* ]]
	run -0 admitted plain -
	[[ $output != *LD_PRELOAD* ]]
	admitted rich >once.yaml
	check admit "$policy" "$settings" once.yaml >twice.yaml
	cmp once.yaml twice.yaml
	sed '/image:/d' "$settings" >no-image.yaml
	run -0 --separate-stderr admitted plain "$WORK/no-image.yaml"
	[[ $output != *LD_PRELOAD* && $stderr == ignored:* ]]
}

@test "a preload list that begins with a colon, as kustomize makes it, is read by glibc and musl" {
	lab_up
	export LD_PRELOAD=:$LIBLBDNS
	local glibc musl
	glibc=$("$CLIENT" lookup-connect rng-headless 8081 60)
	musl=$("$CLIENT_MUSL" lookup-connect rng-headless 8081 60)
	unset LD_PRELOAD
	lab_equal "$(lab_counts <<<"$glibc")" '20 20 20'
	lab_equal "$(lab_counts <<<"$musl")" '20 20 20'
}
