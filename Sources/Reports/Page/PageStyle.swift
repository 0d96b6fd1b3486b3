/// What the page looks like, and how it answers a pointer.
enum PageStyle {
  /// Colours are variables, dark and light; on paper it is always light.
  static let css = """
    :root{color-scheme:light dark;--ground:#fff;--ink:#1c2126;--soft:#5d6771;--rule:#dde2e7;--card:#f6f8fa;
    --c0:#0b6bcb;--c1:#c8440b;--c2:#15803d;--c3:#7c3aed;--c4:#b8860b;--c5:#c2185b;--c6:#0e8f8f;--c7:#6b7280;--heat:#0b5cad}
    @media (prefers-color-scheme:dark){:root{--ground:#14181c;--ink:#e6e9ec;--soft:#9aa5af;--rule:#323a42;--card:#1c2228;
    --c0:#5aa9f5;--c1:#ff8a5c;--c2:#5fcf86;--c3:#b794f6;--c4:#e3b341;--c5:#f47fb0;--c6:#4fd1cf;--c7:#a3adb8;--heat:#6cb6ff}}
    @media print{:root{--ground:#fff;--ink:#000;--soft:#444;--rule:#bbb;--card:#fff;--c0:#0b6bcb;--c1:#c8440b;--c2:#15803d;
    --c3:#7c3aed;--c4:#b8860b;--c5:#c2185b;--c6:#0e8f8f;--c7:#6b7280;--heat:#0b5cad}figure,tr{break-inside:avoid}
    .legend{position:static!important}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
    main{max-width:1440px;margin:0 auto;padding:16px}
    h1{font-size:1.6rem;margin:.2em 0 .5em;overflow-wrap:anywhere}h2{font-size:1.2rem;margin:2rem 0 .3rem}
    dl{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;margin:0}dl div{display:flex;gap:.5rem}dt{color:var(--soft)}
    dd{margin:0;overflow-wrap:anywhere}
    .note{color:var(--soft);max-width:75ch;margin:.2rem 0 .8rem}
    .warnings{border-left:4px solid var(--c1);background:var(--card);margin:.8rem 0;padding:.5rem .5rem .5rem 1.8rem;
    overflow-wrap:anywhere}
    .legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;margin:.8rem 0 0;padding:.5rem 0;position:sticky;top:0;
    background:var(--ground);border-bottom:1px solid var(--rule);font-size:.87rem;z-index:1}
    .key{display:inline-block;width:1.1em;height:0;border-top:3px solid;margin-right:.45em;vertical-align:middle}
    .key.dashed{border-top-style:dashed}
    .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:14px}
    figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:6px;padding:8px;min-width:0}
    figcaption{font-weight:600;font-size:.87rem;overflow-wrap:anywhere}
    .names{list-style:none;display:flex;flex-wrap:wrap;gap:0 1rem;margin:0;padding:0;font-size:.8rem;color:var(--soft)}
    svg{display:block;width:100%;height:auto;touch-action:pan-y}
    .scroll{overflow-x:auto}
    table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
    th,td{padding:.28rem .7rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
    th:first-child{text-align:left;font-weight:500}thead th{color:var(--soft);font-weight:500}
    .best td:nth-child(3){font-weight:700}
    .images{list-style:none;margin:.4rem 0 0;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:8px}
    .images li{display:flex;gap:8px;font-size:.8rem;min-width:0;overflow-wrap:anywhere}.images span{min-width:0}
    .images img{width:64px;height:64px;flex:none;image-rendering:pixelated;border:1px solid var(--rule)}
    small{color:var(--soft)}@media (min-width:850px){.wide{grid-column:span 2}}
    details{border-bottom:1px solid var(--rule);padding:.35rem 0}summary{cursor:pointer}
    pre{background:var(--card);padding:.7rem;overflow:auto;font-size:.8rem}
    text{fill:var(--soft);font:12px system-ui,sans-serif}.small{font-size:9.5px}.end{text-anchor:end}.middle{text-anchor:middle}
    .grid{stroke:var(--rule)}.axis{stroke:var(--soft)}.threshold{stroke:var(--soft);stroke-dasharray:3 3;opacity:.7}
    .curve{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round}svg .dashed{stroke-dasharray:5 3}
    .band{fill:currentColor;opacity:.16}.dot{fill:currentColor}.cursor{stroke:var(--ink);stroke-width:1}
    .heat{fill:color-mix(in srgb,var(--heat) var(--depth),var(--card))}
    .c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}.c5{color:var(--c5)}
    .c6{color:var(--c6)}.c7{color:var(--c7)}.ink{color:var(--ink)}.curve.ink{stroke-width:1.1}
    #readout{position:fixed;display:none;pointer-events:none;background:var(--ground);color:var(--ink);border:1px solid
    var(--rule);border-radius:4px;padding:4px 8px;font-size:12px;box-shadow:0 2px 8px #0003;z-index:2;max-width:92vw}
    @media (max-width:600px){text{font-size:14px}.small{font-size:11px}}
    @media print{.charts{grid-template-columns:1fr 1fr}pre{white-space:pre-wrap}}
    """

  /// A readout beside the pointer: each curve's value at the nearest x.
  static let script = """
    const box=document.getElementById('readout');
    const show=v=>Math.abs(v)>=1e-3&&Math.abs(v)<1e6||v===0?String(+v.toPrecision(4)):v.toExponential(2);
    for(const svg of document.querySelectorAll('svg[data-chart]')){
      const chart=JSON.parse(svg.dataset.chart),[l,r,t,b,x0,x1]=chart.plot,f=chart.log?Math.log:v=>v,ns='http://www.w3.org/2000/svg';
      const cursor=svg.appendChild(document.createElementNS(ns,'line'));
      cursor.setAttribute('class','cursor');cursor.setAttribute('y1',t);cursor.setAttribute('y2',b);cursor.style.display='none';
      const hide=()=>{box.style.display='none';cursor.style.display='none'};
      svg.addEventListener('pointerleave',hide);
      svg.addEventListener('pointermove',event=>{
        const area=svg.getBoundingClientRect(),u=(event.clientX-area.left)/area.width*svg.viewBox.baseVal.width;
        if(u<l-4||u>r+4){hide();return}
        const x=f(x0)+(u-l)/(r-l)*(f(x1)-f(x0));
        box.replaceChildren();
        let at=null;
        for(const series of chart.s){
          const p=series.p.reduce((best,q)=>Math.abs(f(q[0])-x)<Math.abs(f(best[0])-x)?q:best);
          if(at===null||Math.abs(f(p[0])-x)<Math.abs(f(at)-x))at=p[0];
          const line=document.createElement('div'),key=document.createElement('span');
          key.className='key '+series.c;line.append(key,series.n+': '+show(p[1]));box.append(line);
        }
        const head=document.createElement('div');head.textContent=chart.x+' '+show(at);box.prepend(head);
        const c=l+(f(at)-f(x0))/(f(x1)-f(x0))*(r-l);
        cursor.setAttribute('x1',c);cursor.setAttribute('x2',c);cursor.style.display='';
        box.style.display='block';
        const left=event.clientX+14+box.offsetWidth>innerWidth?event.clientX-box.offsetWidth-14:event.clientX+14;
        box.style.left=Math.max(4,left)+'px';
        box.style.top=Math.min(event.clientY+10,innerHeight-box.offsetHeight-6)+'px';
      });
    }
    """
}
