/// The page's style: one calm column, figures in tabular digits, colours that carry a word beside them everywhere.
enum HTMLStyle {
    static let text = screen + tables + narrow + paper

    private static let screen = """
        :root{--ink:#1b2430;--soft:#5b6776;--line:#dfe4ea;--paper:#fff;--back:#f4f6f8;--blue:#1f5faa;--green:#1b6b43;\
        --red:#a8201a;--amber:#8a4b00;--blue-bg:#e6eff9;--green-bg:#e3f3ea;--red-bg:#fbe8e6;--amber-bg:#fcf0dc;\
        --track:#e6eaef;--bar:#5d83ad}
        @media (prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b6;--line:#2d3845;--paper:#18202a;\
        --back:#10161d;--blue:#8dbcf2;--green:#7fd0a2;--red:#f29a92;--amber:#f0bd72;--blue-bg:#1c2f45;\
        --green-bg:#173427;\
        --red-bg:#43211f;--amber-bg:#3d2d14;--track:#2a3542;--bar:#6d95c2}}
        *{box-sizing:border-box}
        html{-webkit-text-size-adjust:100%}
        body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 -apple-system,"Segoe UI",Roboto,\
        "Helvetica Neue",Arial,system-ui,sans-serif;font-variant-numeric:tabular-nums}
        main{max-width:1440px;margin:0 auto;padding:28px 28px 48px}
        a{color:var(--blue);text-decoration:none}
        a:hover,a:focus-visible{text-decoration:underline}
        small{display:block;color:var(--soft);font-size:12px;line-height:1.4}
        h1,h2,h3,p,dl,dd{margin:0}
        header{background:var(--paper);border:1px solid var(--line);border-left:6px solid var(--soft);\
        border-radius:10px;\
        padding:22px 26px}
        header.clean{border-left-color:var(--green)}header.explained{border-left-color:var(--blue)}
        header.unexplained{border-left-color:var(--red)}header.incomplete{border-left-color:var(--amber)}
        .title{color:var(--soft);font-size:13px;letter-spacing:.02em}
        .mode{border:1px solid var(--line);border-radius:4px;padding:1px 6px;font-weight:600;font-size:11px;\
        margin-left:6px;\
        letter-spacing:.06em;color:var(--ink)}
        h1{font-size:26px;line-height:1.3;font-weight:650;letter-spacing:-.01em;margin:6px 0 16px}
        h1 .line{display:block}
        h1 .line>span{display:inline-block;max-width:100%}
        h1 i{font-style:normal;color:var(--soft);font-weight:400}
        .state{margin-top:12px;color:var(--soft)}
        .pill{display:inline-block;border-radius:4px;padding:1px 8px;font-size:11px;font-weight:700;\
        letter-spacing:.05em;\
        background:var(--track);color:var(--ink);white-space:nowrap}
        .state .pill{font-size:13px;padding:2px 10px;margin-right:6px}
        .pill.clean{background:var(--green-bg);color:var(--green)}.pill.explained{background:var(--blue-bg);\
        color:var(--blue)}
        .pill.unexplained{background:var(--red-bg);color:var(--red)}
        .pill.incomplete{background:var(--amber-bg);color:var(--amber)}
        .since{margin:-4px 0 14px;font-weight:600}
        .gaps{margin:0 0 16px;padding:10px 14px 10px 30px;background:var(--amber-bg);color:var(--amber);\
        border-radius:6px}
        .facts{display:flex;flex-wrap:wrap;gap:12px 40px;border-top:1px solid var(--line);padding-top:14px}
        .facts dt{color:var(--soft);font-size:12px}
        .facts dd{font-weight:600}
        .facts small{display:inline;font-weight:400;margin-left:4px}
        .cards{display:grid;grid-template-columns:repeat(12,minmax(0,1fr));gap:16px;margin:16px 0;grid-auto-flow:dense}
        .card{grid-column:span 4;background:var(--paper);border:1px solid var(--line);border-radius:10px;\
        padding:18px 20px}
        .card.wide{grid-column:span 8}.card.full{grid-column:span 12}.card.signs{order:9}
        .card.tall,.stack{grid-row:span 2}
        .stack{grid-column:span 4;display:flex;flex-direction:column;gap:16px}.stack .card:last-child{flex:1 0 auto}
        .card h2{font-size:13px;font-weight:600;color:var(--soft);margin-bottom:12px}
        .card h2 small{font-weight:400}
        .tiles{display:grid;grid-template-columns:repeat(3,1fr);gap:14px 8px}
        .tiles b{display:block;font-size:26px;line-height:1.2;font-weight:600}
        .tiles span{color:var(--soft);font-size:13px}
        .meter{margin-bottom:12px}.meter:last-child{margin-bottom:0}
        .meter p{display:flex;justify-content:space-between;gap:12px}
        .meter p span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
        .meter b{font-weight:600;white-space:nowrap}
        .meter svg{display:block;width:100%;height:6px;margin:4px 0 3px}
        .track{fill:var(--track)}.fill{fill:var(--bar)}.fill.unexplained{fill:var(--red)}\
        .fill.incomplete{fill:var(--amber)}
        .chart{display:block;width:100%;height:auto}
        .chart line{stroke:var(--line)}
        .chart text{fill:var(--soft);font-size:11px;text-anchor:middle}
        .chart text.value{fill:var(--ink);font-weight:600;font-size:12px}
        .chart text.start{text-anchor:start}.chart text.end{text-anchor:end}
        .chart rect{fill:var(--bar)}.chart .age3{fill:var(--amber);opacity:.65}.chart .age4{fill:var(--amber)}
        .chart .age5{fill:var(--red)}
        .chart .unexplained{fill:var(--red)}.chart .clean{fill:var(--green)}
        .chart .incomplete{fill:none;stroke:var(--amber);stroke-width:1.5}
        .key{display:flex;flex-wrap:wrap;gap:2px 16px;color:var(--soft);font-size:12px;margin-top:8px}
        .key i{display:inline-block;width:10px;height:10px;border-radius:2px;background:var(--bar);margin-right:6px}
        .key .clean{background:var(--green)}.key .unexplained{background:var(--red)}
        .key .incomplete{background:none;border:1.5px solid var(--amber)}
        .boxes{display:grid;grid-template-columns:1fr 1fr;gap:14px}
        .box{border:1px solid var(--line);border-radius:6px;padding:10px 14px;min-height:104px}
        .box h3{font-size:12px;font-weight:600;color:var(--soft);margin-bottom:4px}
        .box .line{border-bottom:1px solid var(--soft);color:var(--soft);font-size:11px;padding-top:14px}
        .box .at{color:var(--soft);font-size:12px}
        nav{display:flex;flex-wrap:wrap;gap:4px 20px;padding:10px 2px;font-size:14px}
        footer{color:var(--soft);font-size:12px;margin-top:28px}

        """

    private static let tables = """
        main>section{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:20px 22px;\
        margin-top:16px}
        main>section>h2{font-size:17px;font-weight:650;margin-bottom:8px}
        .count{color:var(--soft);font-weight:400;margin-left:4px}
        .wide-only{display:none}
        .grid td.unbroken{overflow-wrap:anywhere;min-width:14ch;max-width:34ch}
        .note,.none{color:var(--soft);font-size:13px;margin:0 0 10px;max-width:90ch}
        .scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
        table{border-collapse:collapse;width:100%;font-size:13px;line-height:1.4}
        th,td{text-align:left;vertical-align:top;padding:6px 10px;border-bottom:1px solid var(--line)}
        th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
        thead th{color:var(--soft);font-weight:600;font-size:12px;vertical-align:bottom;\
        border-bottom:1px solid var(--soft);\
        line-height:1.3}
        .grid.statement th,.grid.statement td{padding-left:6px;padding-right:6px}
        .grid.statement td:nth-child(2){white-space:normal;min-width:120px}
        .grid.statement th:first-child,.grid.statement td:first-child{padding-left:0}
        .grid td{white-space:nowrap}.grid td.long{white-space:normal;min-width:240px;overflow-wrap:anywhere}
        .n{text-align:right}td.n{white-space:nowrap}
        .neg{color:var(--red)}.zero{color:var(--soft)}
        .id{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:12px}
        td a{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:12px}
        .bridge td a,.bridge th a{font:inherit}
        .total td{font-weight:650;border-bottom:3px double var(--soft)}
        .card table{font-size:14px}
        .card tbody tr:last-child th,.card tbody tr:last-child td{border-bottom:0}
        .card tbody th{font-weight:400}
        .bridge .sum th,.bridge .sum td{font-weight:650}
        .bridge .cause th{padding-left:14px}
        .bridge tr.sum:last-child th,.bridge tr.sum:last-child td{border-top:1px solid var(--soft)}
        .items{table-layout:fixed;min-width:1120px}
        .items th:nth-child(1){width:18%}.items th:nth-child(2){width:12%}.items th:nth-child(3){width:13%}
        .items th:nth-child(4){width:6%}.items th:nth-child(8){width:6%}.items th:nth-child(9){width:9%}
        .items th:nth-child(10){width:9%}.items .n{padding-left:4px;padding-right:6px}
        .items td.n small{white-space:normal}
        .items td{overflow-wrap:anywhere}.items td.n{overflow-wrap:normal}\
        .items th:nth-child(10),.items td:nth-child(10){padding-left:14px}
        details{border-top:1px solid var(--line);padding:2px 0}
        details[open]{padding-bottom:12px}
        summary{cursor:pointer;padding:8px 0;color:var(--ink)}
        summary:hover{color:var(--blue)}
        summary .figures{color:var(--soft);margin-left:8px}
        details details{margin-left:0}
        .bar{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:4px 0 12px}
        .bar input{flex:1 1 260px;max-width:420px;font:inherit;padding:6px 10px;border:1px solid var(--line);\
        border-radius:6px;background:var(--back);color:inherit}
        .bar button{font:inherit;padding:6px 12px;border:1px solid var(--line);border-radius:6px;background:none;\
        color:inherit;cursor:pointer}
        .bar output{color:var(--soft);font-size:13px}
        .sorts{cursor:pointer}
        .sorts:hover .sort,.sort:focus-visible{color:var(--blue)}
        .sort:focus-visible,summary:focus-visible,.bar :focus-visible,a:focus-visible{outline:2px solid var(--blue);\
        outline-offset:2px;border-radius:2px}
        [aria-sort=ascending] .sort::after{content:" ↑"}[aria-sort=descending] .sort::after{content:" ↓"}

        """

    private static let narrow = """
        @media (max-width:1100px){.card,.card.wide,.stack{grid-column:span 6}\
        .card.wide,.card.controls{grid-column:span 12}}
        @media screen and (max-width:720px){body{font-size:15px}main{padding:12px 12px 32px}header{padding:16px 16px}\
        h1{font-size:20px}h1 .line>span{display:inline}\
        .stack{grid-column:span 12}.card,.card.wide,.card.full{grid-column:span 12;padding:16px}\
        \
        .facts{gap:10px 24px}main>section{padding:16px}
        .items{min-width:0}.items,.items tbody,.items tr,.items td{display:block}.items thead{display:none}
        .items tr{border-bottom:1px solid var(--soft);padding:10px 0}
        .items td{border:0;padding:2px 0;min-width:0;display:grid;grid-template-columns:104px 1fr;gap:0 10px;\
        text-align:left}.items td:empty{display:none}.items td>*{grid-column:2}
        .items td::before{color:var(--soft);font-size:12px;grid-column:1;grid-row:1}
        .items td:nth-child(1)::before{content:"Item"}.items td:nth-child(2)::before{content:"Agency"}
        .items td:nth-child(3)::before{content:"Stripe"}.items td:nth-child(4)::before{content:"Local"}
        .items td:nth-child(5)::before{content:"Stripe amount"}.items td:nth-child(6)::before{content:"Local amount"}
        .items td:nth-child(7)::before{content:"Difference"}.items td:nth-child(8)::before{content:"Effect, credits"}
        .items td:nth-child(9)::before{content:"Age, days"}.items td:nth-child(10)::before{content:"State"}
        .wide .chart.trend text{font-size:22px}\
        .wide .chart.trend text.value{font-size:24px}
        .wide-only{display:block!important}\
        .grid.statement :is(th,td):is(:nth-child(1),:nth-child(n+3):nth-child(-n+10),:nth-child(12),:nth-child(15)),\
        .grid.charges :is(th,td):is(:nth-child(1),:nth-child(n+4):nth-child(-n+7),:nth-child(9),:nth-child(12))\
        {display:none}.grid.statement td:nth-child(2),.grid.charges td:nth-child(2){white-space:normal;padding-left:0;\
        min-width:0}.grid.statement td:nth-child(16),.grid.charges td:nth-child(13){white-space:normal}\
        .grid.statement :is(th,td),.grid.charges :is(th,td){padding-left:4px;padding-right:4px;\
        font-size:12px}.grid .pill{font-size:9px;padding:1px 4px;letter-spacing:0}
        .items tr[hidden]{display:none}.items th:nth-child(10),.items td:nth-child(10){padding-left:0}}

        """

    private static let paper = """
        @media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--back:#fff;--blue:#123f75;--green:#14502f;\
        --red:#8c1a15;--amber:#6b3a00;--blue-bg:#fff;--green-bg:#fff;--red-bg:#fff;--amber-bg:#fff;--track:#ddd;\
        --bar:#666}
        @page{size:letter landscape;margin:11mm}
        body{font-size:10px;background:#fff}main{max-width:none;padding:0}h1{font-size:17px;margin:3px 0 6px}\
        .bridge th,.bridge td{padding:2px 5px}
        header,.card,main>section{border-radius:0;break-inside:avoid}
        main>section{break-inside:auto;border:0;padding:0;margin-top:18px}main>section>h2{font-size:13px;\
        break-after:avoid}.note{break-after:avoid;break-inside:avoid}main>section:first-of-type{break-before:page}
        header{padding:8px 14px}.tiles{gap:6px}.meter{margin-bottom:6px}\
        .cards{display:block;columns:3;column-gap:8px;margin:8px 0}.stack{display:block}.key{font-size:8px}\
        .card{padding:8px 12px;margin:0 0 8px}.card.signs .boxes{display:block}.card.signs .box{margin-top:6px}
        .card h2{margin-bottom:6px;font-size:10px}.card table,table{font-size:9px}small,.facts dt{font-size:8px}
        .tiles b{font-size:16px}.tiles span,.note,.none{font-size:9px}.pill{border:1px solid currentColor;font-size:8px}
        .state .pill{font-size:10px}.id,td a{font-size:8px}.box{min-height:52px;padding:5px 10px}\
        .box p{font-size:9px}.box .line{padding-top:6px}.wide .chart.trend{height:74px}\

        nav,.bar{display:none}thead{break-inside:avoid}thead th{font-size:inherit}\
        .scroll{overflow:visible}thead{display:table-header-group}
        tr,summary{break-inside:avoid}summary{break-after:avoid;list-style:none}th,td{padding:3px 5px}
        .grid td{white-space:normal}.grid.statement,.grid.charges,.grid.control_totals{font-size:7.5px}
        .grid td.n,.grid td.t{white-space:nowrap}
        a{color:inherit;text-decoration:none}.items{min-width:0}*{-webkit-print-color-adjust:exact;\
        print-color-adjust:exact}}

        """
}
