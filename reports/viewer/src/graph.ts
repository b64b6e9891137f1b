// Which thread waits for what, and who holds it, as a picture.
import dagre from "@dagrejs/dagre";
import { Stuck, Wait } from "./data";
import { svg } from "./dom";

interface Edge { from: string; to: string; held: boolean; stuck: boolean }
export interface WaitGraph { nodes: Map<string, { label: string[]; thread: boolean; stuck: boolean }>; edges: Edge[] }

// "deadlock of 2 threads: a (1) in f waits for mutex 0x10 held by b (2), which in g waits for mutex 0x20 held by a": the
// threads in the order in which each waits for what the next one holds (tracer/locks/lock_graph.cpp).
function cycleOf(text: string): number[] {
  if (!/^(probable )?deadlock of /.test(text)) return [];
  return [...text.matchAll(/\((\d+)\)(?:, which)? in /g)].map((found) => Number(found[1]));
}

// Only threads that have a part in a cycle or wait for a lock: those that wait for work would hide them.
export function waitGraph(waits: Wait[], stuck: Stuck[]): WaitGraph {
  const graph: WaitGraph = { nodes: new Map(), edges: [] };
  const owner = new Map<number, number>();
  for (const cycle of stuck.map((one) => cycleOf(one.text)))
    cycle.forEach((tid, i) => owner.set(tid, cycle[(i + 1) % cycle.length]));
  const last = new Map(waits.map((wait) => [wait.tid, wait]));
  for (const wait of last.values()) {
    const what = wait.waits.replace(/, until a time-out$/, "");
    const joins = what === "the end of";
    if (!owner.has(wait.tid) && !/^(mutex|rwlock|condition variable|semaphore|initialisation)/.test(what)) continue;
    const thread = `t${wait.tid}`;
    const isStuck = owner.has(wait.tid);
    graph.nodes.set(thread, { label: [`${wait.thread} (${wait.tid})`, wait.place.replaceAll("(anonymous namespace)::", "")], thread: true, stuck: isStuck });
    const held = owner.get(wait.tid);
    if (joins && held !== undefined) {
      graph.edges.push({ from: thread, to: `t${held}`, held: false, stuck: true });
      continue;
    }
    graph.nodes.set(what, { label: [what], thread: false, stuck: isStuck || graph.nodes.get(what)?.stuck === true });
    graph.edges.push({ from: thread, to: what, held: false, stuck: isStuck });
    if (held !== undefined) graph.edges.push({ from: what, to: `t${held}`, held: true, stuck: true });
  }
  return graph;
}

const short = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export function waitPicture(graph: WaitGraph): SVGElement {
  const layout = new dagre.graphlib.Graph();
  layout.setGraph({ rankdir: "LR", nodesep: 24, ranksep: 70, marginx: 8, marginy: 8 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const [id, node] of graph.nodes) {
    const width = 24 + 7.4 * Math.max(...node.label.map((line) => short(line, 38).length));
    layout.setNode(id, { width, height: 20 + 17 * node.label.length });
  }
  const edges = graph.edges.filter((edge) => graph.nodes.has(edge.from) && graph.nodes.has(edge.to));
  for (const edge of edges) layout.setEdge(edge.from, edge.to, { label: edge.held ? "held by" : "waits for", width: 56, height: 14 });
  dagre.layout(layout);
  const { width = 100, height = 100 } = layout.graph();
  const said = edges.map((edge) => `${graph.nodes.get(edge.from)?.label[0]} ${edge.held ? "is held by" : "waits for"} ${graph.nodes.get(edge.to)?.label[0]}`);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", class: "graph", "aria-label": `Which thread waits for what: ${said.join("; ")}` });
  picture.append(svg("defs", {}, svg("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" },
    svg("path", { d: "M0 0 L8 4 L0 8 z", class: "arrow" }))));
  for (const edge of edges) {
    const line = layout.edge(edge.from, edge.to);
    const points = line.points.map((point: { x: number; y: number }) => `${point.x} ${point.y}`).join(" L");
    picture.append(svg("path", { d: `M${points}`, class: edge.stuck ? "edge stuck" : "edge", "marker-end": "url(#arrow)" }),
      svg("text", { x: line.x ?? 0, y: (line.y ?? 0) - 4, class: "edge-label", "text-anchor": "middle" }, edge.held ? "held by" : "waits for"));
  }
  for (const [id, node] of graph.nodes) {
    const box = layout.node(id);
    picture.append(svg("rect", { x: box.x - box.width / 2, y: box.y - box.height / 2, width: box.width, height: box.height,
      rx: node.thread ? 4 : box.height / 2, class: `node ${node.thread ? "thread" : "lock"}${node.stuck ? " stuck" : ""}` }));
    node.label.forEach((line, i) => picture.append(
      svg("text", { x: box.x, y: box.y + 17 * (i - (node.label.length - 1) / 2) + 4, "text-anchor": "middle", class: i === 0 ? "name" : "place" },
        svg("title", {}, line), short(line, 38))));
  }
  return picture;
}
